"""Prefer short samples: an example plugin for ssd-harness."""
