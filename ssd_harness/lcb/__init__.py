"""LiveCodeBench: which problems, where their rows are, what a generation's program is, and the lm-eval task."""
