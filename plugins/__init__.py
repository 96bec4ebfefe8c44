"""First-party adapters to heavy dependencies, one small module each."""
