"""Generation with transformers: rows that come and go within a memory budget."""
