"""Store verdicts on disk as they are decided, so that a killed run loses none.

The key of a verdict is a hash of everything on which it depends.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from ssd_harness.judge.verdicts import ProgramVerdict, Verdict
from ssd_harness.storage import append_line

_FIELDS = {field.name for field in fields(ProgramVerdict)}


class Journal:
    """An append-only file of verdicts by key. Several threads and processes may append at the same time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def read(self) -> dict[str, ProgramVerdict]:
        """Return the stored verdicts; a line that a kill truncated is skipped."""
        return dict(self._entries())

    def append(self, key: str, verdict: ProgramVerdict) -> None:
        """Store one verdict, whole or not at all. Internal errors are not stored."""
        if verdict.verdict is Verdict.IE:
            return
        with self._lock:
            append_line(self.path, json.dumps({"key": key, **verdict.as_row()}, ensure_ascii=True).encode())

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
                    yield str(row["key"]), ProgramVerdict(**{**values, "verdict": Verdict(row["verdict"])})
                except (ValueError, KeyError, TypeError, RecursionError):
                    continue


def key_of(*parts: str) -> str:
    """Hash everything that a verdict depends on."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
