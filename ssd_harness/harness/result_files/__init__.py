"""Read what lm-eval and ``ssd-harness score`` wrote: results, logged samples, verdicts."""
