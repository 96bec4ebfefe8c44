"""lm-eval task definitions; lm-eval finds the YAML files in this package's folder."""
