"""Let the zygote live inside the start of an interpreter that is about to run a file, as ``python3 /tmp/main.py``.

The image installs this as ``sitecustomize``, which ``site`` imports last, when the standard streams are there and
before the file is opened. The zygote serves from here. A child that is to run a file returns, and the interpreter goes
on as if nothing had been: its own ``__main__``, streams, shutdown and exit status, at the cost of a fork.
"""

import os
import stat
import sys

MAIN = "/tmp/main.py"  # noqa: S108 - the folder is the program's own, and empty when it starts
CONNECTION = 3


def is_zygote() -> bool:
    """Say whether the broker started this interpreter: programs are never root, and have no such descriptor."""
    if os.getuid() or sys.argv[:1] != [MAIN]:
        return False
    try:
        return stat.S_ISSOCK(os.fstat(CONNECTION).st_mode)
    except OSError:
        return False


if __name__ == "sitecustomize" and is_zygote():
    _plain = frozenset(sys.modules)
    from ssd_harness.sandbox.worker import zygote

    zygote.serve(_plain)
