"""The folder of all state: ``SSD_HARNESS_HOME``, by default ``~/.cache/ssd-harness``."""

import os
from pathlib import Path


def home() -> Path:
    """Return the state folder; the variable is read on each call, so that tests can change it."""
    return Path(os.environ.get("SSD_HARNESS_HOME") or Path.home() / ".cache" / "ssd-harness")
