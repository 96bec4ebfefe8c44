"""Training prompts: sources, selection, styles, and overlap with evaluated problems."""
