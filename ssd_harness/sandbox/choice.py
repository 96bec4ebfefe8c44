"""Which sandbox programs run in, where nobody names one."""

import os

SANDBOX_VARIABLE = "SSD_HARNESS_SANDBOX"
DEFAULT = "docker"


def chosen_sandbox(named: str = "") -> str:
    """Return ``named``, else what ``SSD_HARNESS_SANDBOX`` says, else ``docker``."""
    return named or os.environ.get(SANDBOX_VARIABLE) or DEFAULT
