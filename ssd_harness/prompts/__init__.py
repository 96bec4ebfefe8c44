"""Training prompts: where they come from, which are kept, their wording, and overlap with evaluated problems."""
