"""Check whether Python compiles a model's program, in a process that may crash."""

import contextlib
import resource
import select
import struct
import subprocess
import sys
from types import TracebackType
from typing import Self

_SECONDS = 10.0
"""Wall time for one program; ordinary programs compile in milliseconds."""
_MEMORY = 2 << 30
_LONGEST = 4 << 20
_HEADER = struct.Struct(">I")

# Compiles and never runs. Deep nesting can crash the interpreter; no answer means that it does not compile.
_CHILD = """
import struct, sys, warnings
warnings.simplefilter("ignore")
read, write = sys.stdin.buffer, sys.stdout.buffer
while header := read.read(4):
    source = read.read(struct.unpack(">I", header)[0])
    try:
        compile(source, "program", "exec", dont_inherit=True)
        answer = b"1"
    except BaseException:
        answer = b"0"
    write.write(answer)
    write.flush()
"""


class Parser:
    """A Python process that compiles programs one by one; use as a context manager."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def accepts(self, program: str) -> bool:
        """Whether ``program`` compiles within ten seconds and without crashing the process."""
        source = program.encode("utf-8", "surrogatepass")
        if len(source) > _LONGEST:
            return False
        child = self._running()
        assert child.stdin
        assert child.stdout
        answer = b""
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(_HEADER.pack(len(source)) + source)
            child.stdin.flush()
            if select.select([child.stdout], [], [], _SECONDS)[0]:
                answer = child.stdout.read(1)
        if not answer:
            self._stop()
        return answer == b"1"

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _CHILD],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            resource.prlimit(self._child.pid, resource.RLIMIT_AS, (_MEMORY, _MEMORY))
            resource.prlimit(self._child.pid, resource.RLIMIT_CORE, (0, 0))
        return self._child

    def _stop(self) -> None:
        if self._child is not None:
            self._child.kill()
            with self._child:
                pass
            self._child = None
