"""Test inputs inside the slot: one write-sealed memory file per problem, with the section of each input."""

import contextlib
import fcntl
import os
import struct

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_COUNT = struct.Struct("<I")
_SET_FLAGS, _NO_ATIME = 0x40086602, 0x80


class SealedFile:
    """A memory file that nobody, not even root, can change once it is filled and sealed."""

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
        """Forbid every later change; without write permission, programs cannot change its attributes either.

        If the kernel supports it, the access time is not kept: it would tell one program about another.
        """
        os.fchmod(self._fd, 0o444)
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._fd, _SET_FLAGS, struct.pack("l", _NO_ATIME))
        fcntl.fcntl(self._fd, fcntl.F_ADD_SEALS, _SEALS)

    def open(self) -> int:
        """Return a new read-only descriptor for one program, with its own offset and locks."""
        return os.open(f"/proc/self/fd/{self._fd}", os.O_RDONLY | os.O_CLOEXEC)

    def read(self, size: int, offset: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``."""
        return os.pread(self._fd, size, offset)

    def close(self) -> None:
        """Close our descriptor; programs that hold one can still read the file."""
        os.close(self._fd)


class Inputs:
    """One problem's inputs, filled piece by piece from a LOAD frame."""

    def __init__(self, length: int) -> None:
        self.file = SealedFile()
        self.sections: list[tuple[int, int]] = []
        """Offset and length of each input."""
        self.remaining = length
        """Bytes of the frame that have not arrived yet."""
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
        """Count one user less; close the file if the inputs were dropped meanwhile."""
        self.users -= 1
        self._close_if_unused()

    def drop(self) -> None:
        """Close the file as soon as no queued job uses it."""
        self.dropped = True
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self.dropped and not self.users:
            self.file.close()

    def _read_index(self, data: bytes) -> bytes:
        """Collect the index; return the data after it."""
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
            raise ValueError("the index of the inputs does not match their length")
