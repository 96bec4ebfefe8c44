"""The problems of a selection: rows without tests in memory, tests decoded one problem at a time."""

import functools
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ssd_harness.errors import InfrastructureError
from ssd_harness.judge.problem_tests import ProblemTests
from ssd_harness.livecodebench.data_files import Source, cached, locate
from ssd_harness.livecodebench.file_index import indexed
from ssd_harness.livecodebench.problem import DIFFICULTIES, Problem
from ssd_harness.livecodebench.problem_rows import read_tests
from ssd_harness.livecodebench.releases import DATA_SET, NOT_OFFICIAL, Selection


class ProblemStore:
    """Problems by question id, in the order of the files. Safe to read from several threads."""

    def __init__(self, selection: Selection, source: Source) -> None:
        self.selection, self.source = selection, source
        self.problems: dict[str, Problem] = {}
        self.files: dict[str, dict[str, Any]] = {}
        """The sha256, rows and bytes of each file, by name."""
        self._paths = {path.name: path for path in source.paths}
        lines: dict[str, str] = {}
        for path in source.paths:
            content = indexed(path)
            size = sum(problem.size for problem in content.problems)
            self.files[path.name] = {"sha256": content.sha256, "rows": len(content.problems), "bytes": size}
            for problem in content.problems:
                where = f"{path}:{problem.line}"
                if first := lines.get(problem.question_id):
                    raise InfrastructureError(
                        f"{problem.question_id} is in the data twice (first in {first})",
                        where=where,
                        next_step="remove one of the two lines",
                    )
                lines[problem.question_id] = where
                if selection.window.holds(problem.contest_date):
                    self.problems[problem.question_id] = problem
        self.unofficial = self._unofficial()
        """Why this is not the official data, in one line; None if every file is official."""
        self.warning = "; ".join(text for text in (self.unofficial, self._check_count()) if text) or None

    def tests(self, question_id: str) -> ProblemTests:
        """Read and decode one problem's tests; they are not kept in memory."""
        problem = self.problems[question_id]
        return read_tests(self._paths[problem.file], problem)

    @functools.cached_property
    def split(self) -> dict[str, int]:
        """Return the number of problems by difficulty: easy, medium, hard, then any others."""
        counts = Counter(problem.difficulty for problem in self.problems.values())
        return {name: counts[name] for name in (*DIFFICULTIES, *sorted(set(counts) - {*DIFFICULTIES})) if counts[name]}

    def describe(self) -> dict[str, Any]:
        """Return the provenance of the problems, for results."""
        return {
            "release": self.selection.release,
            "window": self.selection.window.name,
            "months": self.selection.window.months,
            "problems": len(self.problems),
            "by_difficulty": self.split,
            "errata": {name: problem.erratum for name, problem in self.problems.items() if problem.erratum},
            "data_set": DATA_SET if self.source.kind != "package" else "ssd-harness",
            "data_source": self.source.kind,
            "official": self.source.kind != "package" and self.unofficial is None,
            "revision": self.source.revision,
            "files": self.files,
        }

    def summary(self) -> str:
        """Return selection, number of problems and split in one line."""
        split = ", ".join(f"{count} {name}" for name, count in self.split.items())
        official = ", NOT the official data" if self.unofficial else ""
        return f"{self.selection}: {len(self.problems)} problems ({split}), data from {self.source.kind}{official}"

    def _unofficial(self) -> str | None:
        """Return how a file differs from the official one at the pinned revision, None if none does."""
        for file in self.selection.files:
            actual = self.files.get(file.name)
            if file.sha256 is None or actual is None or actual["sha256"] == file.sha256:
                continue
            return (
                f"{NOT_OFFICIAL}: {file.name} has {actual['rows']} rows in {actual['bytes']:,} bytes and the "
                f"sha256 {actual['sha256'][:12]}…, the official file {file.rows} rows in {file.bytes:,} bytes and "
                f"{file.sha256[:12]}…"
            )
        return None

    def _check_count(self) -> str | None:
        """Compare with the published count: a difference is an error in pinned data, a warning in a user's folder."""
        if not self.problems:
            raise InfrastructureError(
                f"the data has no problem of {self.selection}",
                where=", ".join(self._paths),
                next_step="check the files",
            )
        if self.selection.expected is None:
            return None
        count, split = self.selection.expected
        actual, actual_split = len(self.problems), tuple(self.split.get(name, 0) for name in DIFFICULTIES)
        if actual == count and split in (None, actual_split):
            return None
        expected = f"{count} problems" + (f" ({'/'.join(map(str, split))} easy/medium/hard)" if split else "")
        message = (
            f"{self.selection} should have {expected}, this data has {actual} ({'/'.join(map(str, actual_split))})"
        )
        if self.source.pinned:
            raise InfrastructureError(
                message, where=", ".join(self._paths), next_step="run `ssd-harness data verify`, then fetch again"
            )
        return message


def open_store(selection: Selection, folder: Path | str | None = None) -> ProblemStore:
    """Find the data of ``selection``, by default on the Hub, and open it."""
    return ProblemStore(selection, locate(selection, folder))


def known_elsewhere(store: ProblemStore, question_ids: Iterable[str]) -> set[str]:
    """Return the ids that the release has outside of the store's window, as far as its data is available locally."""
    whole = store.selection.whole_release
    folder = store.source.paths[0].parent if store.source.kind == "folder" else None
    if store.source.kind == "hub" and not all(cached(file) for file in whole.files):
        return set()
    try:
        problems = open_store(whole, folder).problems
    except InfrastructureError:
        return set()
    return {name for name in question_ids if name in problems}
