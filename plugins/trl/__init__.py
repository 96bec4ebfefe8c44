"""Fine-tuning with TRL."""
