"""The LiveCodeBench task of lm-eval."""
