"""Test inputs inside the slot: one write-sealed memory file a problem, with an index of where each input lies."""

import contextlib
import fcntl
import os
import struct

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_COUNT = struct.Struct("<I")
_SET_FLAGS, _NO_ATIME = 0x40086602, 0x80


class SealedFile:
    """A memory file that is filled once and then can be changed by nobody, root included."""

    def __init__(self) -> None:
        self._fd = os.memfd_create("sealed", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append ``data``."""
        view = memoryview(data)
        while view:
            written = os.write(self._fd, view)
            self.size += written
            view = view[written:]

    def seal(self) -> None:
        """Forbid every later change; read permission alone keeps its attributes as they are, too.

        Where the kernel can, the time of the last reading is not kept: it would tell one program of another.
        """
        os.fchmod(self._fd, 0o444)
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._fd, _SET_FLAGS, struct.pack("l", _NO_ATIME))
        fcntl.fcntl(self._fd, fcntl.F_ADD_SEALS, _SEALS)

    def open(self) -> int:
        """Return a new descriptor for one program: reading only, with an offset and locks of its own."""
        return os.open(f"/proc/self/fd/{self._fd}", os.O_RDONLY | os.O_CLOEXEC)

    def read(self, size: int, offset: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``."""
        return os.pread(self._fd, size, offset)

    def close(self) -> None:
        """Forget the file; programs that still hold a descriptor keep it."""
        os.close(self._fd)


class Inputs:
    """One problem's inputs, filled piece by piece from a LOAD frame."""

    def __init__(self, length: int) -> None:
        self.file = SealedFile()
        self.sections: list[tuple[int, int]] = []
        """Offset and length of each input."""
        self.remaining = length
        """Bytes of the frame that are still to come."""
        self._head = bytearray()
        self._index_size: int | None = None
        self.users = 0
        self.dropped = False

    def feed(self, data: bytes) -> None:
        """Take the next piece of the frame."""
        self.remaining -= len(data)
        if self._index_size != 0:
            data = self._read_index(data)
        if data:
            self.file.write(data)
        if self.remaining == 0:
            self._finish()

    def release(self) -> None:
        """One job less uses them; close them if they were dropped meanwhile."""
        self.users -= 1
        self._close_if_unused()

    def drop(self) -> None:
        """Close them as soon as no queued job uses them."""
        self.dropped = True
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self.dropped and not self.users:
            self.file.close()

    def _read_index(self, data: bytes) -> bytes:
        """Collect the index; return what lies behind it."""
        self._head += data
        if self._index_size is None and len(self._head) >= _COUNT.size:
            self._index_size = _COUNT.size + 8 * _COUNT.unpack_from(self._head)[0]
        if self._index_size is None or len(self._head) < self._index_size:
            return b""
        rest = bytes(self._head[self._index_size :])
        offset = 0
        for (length,) in struct.iter_unpack("<Q", self._head[_COUNT.size : self._index_size]):
            self.sections.append((offset, length))
            offset += length
        self._head.clear()
        self._index_size = 0
        return rest

    def _finish(self) -> None:
        self.file.seal()
        end = sum(self.sections[-1]) if self.sections else 0
        if self._index_size != 0 or end != self.file.size:
            raise ValueError("the index of the inputs does not fit their length")
