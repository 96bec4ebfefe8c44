"""Where all state lives: one folder, ``SSD_HARNESS_HOME`` (default ``~/.cache/ssd-harness``)."""

import os
from pathlib import Path


def home() -> Path:
    """Return the state folder; it is read anew at each call, so that tests may move it."""
    return Path(os.environ.get("SSD_HARNESS_HOME") or Path.home() / ".cache" / "ssd-harness")
