"""Index the data files on disk, so that only the first reading of a file takes time."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from ssd_harness import foreign_json
from ssd_harness.home import home
from ssd_harness.livecodebench.problem import Problem
from ssd_harness.livecodebench.problem_rows import FileContent, read_file, unreadable
from ssd_harness.progress import ProgressLine
from ssd_harness.storage import locked, write_json

_VERSION = 1


def indexed(path: Path) -> FileContent:
    """Return the file's content from its index, or read and index the file if it is new or has changed.

    An index belongs to a path, size and modification time. Of several processes, only one reads the file.
    """
    index = _index_path(path)
    if content := _load(index):
        return content
    with locked(index.with_suffix(".lock")):
        return _load(index) or _read(path, index)


def read_again(path: Path) -> tuple[FileContent, bool]:
    """Read the file and renew its index; return (content, whether the old index differed)."""
    index = _index_path(path)
    with locked(index.with_suffix(".lock")):
        before = _load(index)
        content = _read(path, index)
    return content, before is not None and before != content


def _read(path: Path, index: Path) -> FileContent:
    with ProgressLine(f"reading {path.name}, bytes", path.stat().st_size) as line:
        content = read_file(path, line.advance)
    write_json(
        index, {"sha256": content.sha256, "problems": [list(asdict(problem).values()) for problem in content.problems]}
    )
    return content


def _index_path(path: Path) -> Path:
    try:
        real = path.resolve(strict=True)
        status = real.stat()
    except OSError as error:
        raise unreadable(path, error) from error
    identity = [str(real), path.name, status.st_size, status.st_mtime_ns, Problem.fields(), _VERSION]
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
    return home() / "lcb" / "index" / f"{path.stem}-{key}.json"


def _load(index: Path) -> FileContent | None:
    try:
        stored = foreign_json.read(index)
        return FileContent(stored["sha256"], tuple(Problem(*row) for row in stored["problems"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # missing or broken: read the file itself
