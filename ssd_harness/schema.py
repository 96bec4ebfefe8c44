"""The version of each file format that we write and that other programs read.

A version grows when a field changes its meaning or goes away; a new field alone changes nothing. A file without one is
older than this numbering, and is read as version 0.
"""

from typing import Final

KEY: Final = "schema_version"

MANIFEST: Final = 1
"""``ssd_manifest.json`` of a checkpoint."""
SUMMARY: Final = 1
"""``summary.json`` of ``ssd-harness score``, and the summary inside an lm-eval result."""
VERDICTS: Final = 1
"""A row of ``verdicts.jsonl``, and a generation's row inside an lm-eval sample."""
COMPARISON: Final = 1
"""What ``ssd-harness compare --json`` prints."""
