"""What plugins provide: hooks, the contracts behind them, and how a plugin is found and versioned."""
