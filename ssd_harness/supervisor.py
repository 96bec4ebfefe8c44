"""Run a command whose processes never outlive the caller: ``python -m ssd_harness.supervisor PARENT_PID WORD ...``.

The command gets this process's id as its last word. The kernel makes every orphan below this process its child,
whatever its session or process group (``PR_SET_CHILD_SUBREAPER`` in prctl(2)): when it has no child, nothing is left.
The supervisor passes on only the standard descriptors, so locks that it inherits are held until all processes have
ended, and no longer.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time
from pathlib import Path

from ssd_harness.errors import ExitCode

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_STOP = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_GRACE_S = 3.0
"""How long processes that the command leaves behind may take to end by themselves."""
_POLL_S = 0.02


def supervised(command: list[str]) -> list[str]:
    """Return the command that runs ``command`` under a supervisor that ends with this process."""
    # -P: a user's folder with the name of one of our modules must not be imported.
    return [sys.executable, "-P", "-m", "ssd_harness.supervisor", str(os.getpid()), *command]


def die_with(parent: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel to send this process the signal ``by`` when its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:
        sys.exit(ExitCode.INFRASTRUCTURE)


def main(parent: int, command: list[str]) -> int:
    """Run ``command`` until it or the parent ends; end the processes that are left, and return its exit code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP | {signal.SIGCHLD})
    die_with(parent, signal.SIGTERM)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the descriptor of the listing itself is already closed
            if int(descriptor.name) > 2:
                os.set_inheritable(int(descriptor.name), False)
    words = [*command, str(os.getpid())]
    child = os.posix_spawn(words[0], words, os.environ, setsigmask=())
    ended: dict[int, int] = {}
    while child not in ended and signal.sigwait(_STOP | {signal.SIGCHLD}) == signal.SIGCHLD:
        _reap(ended)
    if child not in ended:
        os.kill(child, signal.SIGKILL)
    _end_rest()
    return _end_like(os.waitstatus_to_exitcode(ended[child])) if child in ended else ExitCode.INFRASTRUCTURE


def _reap(ended: dict[int, int]) -> bool:
    """Record the exit statuses of ended children by pid; return whether any child is left."""
    with contextlib.suppress(ChildProcessError):
        while (child := os.waitpid(-1, os.WNOHANG))[0]:
            ended[child[0]] = child[1]
        return True
    return False


def _end_rest() -> None:
    """End all descendants, by SIGTERM and a little later by SIGKILL."""
    if not _reap({}):
        return
    _signal_all(signal.SIGTERM)  # which Python's resource tracker for shared memory ignores until it is done
    deadline = time.monotonic() + _GRACE_S
    while _reap({}):
        time.sleep(_POLL_S)
        if time.monotonic() > deadline:
            _signal_all(signal.SIGKILL)


def _signal_all(number: signal.Signals) -> None:
    for descendant in _descendants():
        with contextlib.suppress(ProcessLookupError):
            os.kill(descendant, number)


def _descendants() -> list[int]:
    """Return the pids of all descendants of this process."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in parentheses, may contain anything; state and parent follow it.
            parent = int(entry.read_bytes().rpartition(b")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.parent.name))
    processes = [os.getpid()]
    for process in processes:
        processes += children.get(process, [])
    return processes[1:]


def _end_like(code: int) -> int:
    """Return the command's exit code; if a signal ended it, end this process by the same signal."""
    if code >= 0:
        return code
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # the handler of SIGKILL cannot be set
        signal.signal(-code, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.kill(os.getpid(), -code)
    return ExitCode.INFRASTRUCTURE


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
