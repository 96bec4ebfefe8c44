"""Score programs: options, one batch with its stored verdicts, and the sums over problems."""
