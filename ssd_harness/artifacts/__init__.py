"""Everything kept on disk: prompts, samples, checkpoints, generations and verdicts."""
