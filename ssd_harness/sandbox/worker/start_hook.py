"""Run the zygote inside the start of an interpreter that is about to run a file, as ``python3 /tmp/main.py``.

The image installs this module as ``sitecustomize``, which ``site`` imports last: after the standard streams are open
and before the file is. The zygote serves from here. A child that is to run a file returns, and the interpreter
continues as usual, with its own ``__main__``, streams, shutdown and exit status, at the cost of a fork.
"""

import os
import stat
import sys

MAIN = "/tmp/main.py"  # noqa: S108 - the program's own folder, empty when it starts
CONNECTION = 3


def is_zygote() -> bool:
    """Whether the broker started this interpreter: a program is never root and has no such descriptor."""
    if os.getuid() or sys.argv[:1] != [MAIN]:
        return False
    try:
        return stat.S_ISSOCK(os.fstat(CONNECTION).st_mode)
    except OSError:
        return False


if __name__ == "sitecustomize" and is_zygote():
    _startup_modules = frozenset(sys.modules)
    from ssd_harness.sandbox.worker import zygote

    zygote.serve(_startup_modules)
