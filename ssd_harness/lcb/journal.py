"""Verdicts on disk as they come, found again by what they depend on: a killed run loses none of them."""

import contextlib
import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from ssd_harness.judge.verdicts import ProgramVerdict, Verdict
from ssd_harness.storage import disk_errors

_FIELDS = {field.name for field in fields(ProgramVerdict)}


class Journal:
    """An append-only file of verdicts by key. Threads and processes may append to one file at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def read(self) -> dict[str, ProgramVerdict]:
        """Return what is stored; a line that a kill cut short is passed over."""
        return dict(self._entries())

    def append(self, key: str, verdict: ProgramVerdict) -> None:
        """Store one verdict, whole or not at all. An internal error is no verdict and is not stored."""
        if verdict.verdict is Verdict.IE:
            return
        line = json.dumps({"key": key, **verdict.as_row()}, ensure_ascii=True).encode() + b"\n"
        with self._lock, disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                _append(descriptor, line)
            finally:
                os.close(descriptor)

    def _entries(self) -> Iterator[tuple[str, ProgramVerdict]]:
        try:
            stream = self.path.open("rb")
        except FileNotFoundError:
            return
        with stream:
            for line in stream:
                try:
                    row = json.loads(line)
                    values = {name: row[name] for name in _FIELDS}
                    yield row["key"], ProgramVerdict(**{**values, "verdict": Verdict(row["verdict"])})
                except (ValueError, KeyError, TypeError):
                    continue


def key_of(*parts: str) -> str:
    """Hash everything that a verdict depends on."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _append(descriptor: int, line: bytes) -> None:
    """Write ``line``; where the disk ends inside it, take the half line back and raise."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        line = b"\n" + line
    try:
        rest = line
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise
