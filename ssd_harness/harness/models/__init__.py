"""The ssd-* model classes of lm-eval."""
