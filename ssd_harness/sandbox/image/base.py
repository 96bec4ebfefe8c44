"""Build a base system with Python 3.11 without a container registry: Debian packages unpacked by mmdebstrap."""

import os
import shutil
import subprocess
from pathlib import Path

from ssd_harness.errors import InfrastructureError

_SUITE = "bookworm"
"""The Debian release with Python 3.11."""
_PACKAGES = (
    "base-files",
    "libc-bin",
    "libpython3.11-stdlib",
    "libstdc++6",
    "python3",
    "python3-minimal",
    "python3.11",
    "zlib1g",
)


def make_base(target: Path) -> None:
    """Write the base system to ``target``: a tar file if it ends in .tar, else a folder (which needs root)."""
    tool = shutil.which("mmdebstrap")
    if tool is None:
        raise InfrastructureError(
            "no registry answers and mmdebstrap is not installed",
            where=target,
            next_step="run `apt-get install mmdebstrap` as root, or connect to a registry that has python:3.11-slim",
        )
    command = [tool, "--quiet", "--variant=extract", f"--mode={'root' if os.geteuid() == 0 else 'unshare'}"]
    command += [f"--include={','.join(_PACKAGES)}", _SUITE, str(target)]
    finished = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=False, stdin=subprocess.DEVNULL
    )
    if finished.returncode:
        reason = next(
            (line for line in finished.stderr.splitlines() if line.startswith(("E:", "W:"))), finished.stderr[-300:]
        )
        raise InfrastructureError(
            f"mmdebstrap failed: {reason}",
            where=_SUITE,
            next_step="check that this machine reaches its package mirror and that debian-archive-keyring is installed",
        )
