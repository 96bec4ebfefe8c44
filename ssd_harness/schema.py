"""Versions of the file formats that other programs read; ``docs/schemas`` has a JSON schema of each.

A version increases when a field changes its meaning or is removed; a new field does not change it. A file without a
version is older than this numbering and is read as version 0.
"""

from typing import Final

KEY: Final = "schema_version"

MANIFEST: Final = 1
"""``ssd_manifest.json`` of a checkpoint."""
SUMMARY: Final = 1
"""``summary.json`` of ``ssd-harness score``, and the summary in an lm-eval result."""
VERDICTS: Final = 1
"""A row of ``verdicts.jsonl``, and a generation's row in an lm-eval sample."""
COMPARISON: Final = 1
"""The output of ``ssd-harness compare --json``."""
NOTES: Final = 1
"""The entries that our models and tasks add to lm-eval's ``results_*.json``."""
RECIPE: Final = 1
"""The fields of a recipe."""
BASELINE: Final = 1
"""The file that ``ssd-harness baseline`` writes."""
GATE: Final = 1
"""The output of ``ssd-harness gate --json``."""
