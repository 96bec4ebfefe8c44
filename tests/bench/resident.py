"""Peak resident memory of a process; ``python -m bench.resident FILE MODULE ...`` runs a module and writes its own to FILE.

Not ``ru_maxrss``: a process inherits that from the one that started it, and benchmarks are started by large ones.
"""

import runpy
import sys
from pathlib import Path


def peak_bytes():
    """Return the largest resident size of this process so far."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


def forget_peak():
    """Start anew from the present size."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def main(file, module, *arguments):
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        Path(file).write_text(str(peak_bytes()), encoding="ascii")


if __name__ == "__main__":
    main(*sys.argv[1:])
