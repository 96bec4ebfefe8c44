"""The problems of one selection: light rows in memory, tests decoded one problem at a time."""

import functools
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ssd_harness.errors import InfrastructureError
from ssd_harness.judge.problem_tests import ProblemTests
from ssd_harness.livecodebench.data_files import Source, locate
from ssd_harness.livecodebench.file_index import indexed
from ssd_harness.livecodebench.problem import DIFFICULTIES, Problem
from ssd_harness.livecodebench.problem_rows import read_tests
from ssd_harness.livecodebench.releases import DATA_SET, NOT_OFFICIAL, Selection


class ProblemStore:
    """Problems by question_id, in the files' order. Safe to read from several threads."""

    def __init__(self, selection: Selection, source: Source) -> None:
        self.selection, self.source = selection, source
        self.problems: dict[str, Problem] = {}
        self.files: dict[str, dict[str, Any]] = {}
        """Name of each file that was read → its sha256 and rows."""
        self._paths = {path.name: path for path in source.paths}
        seen: dict[str, str] = {}
        for path in source.paths:
            content = indexed(path)
            size = sum(problem.size for problem in content.problems)
            self.files[path.name] = {"sha256": content.sha256, "rows": len(content.problems), "bytes": size}
            for problem in content.problems:
                where = f"{path}:{problem.line}"
                if first := seen.get(problem.question_id):
                    raise InfrastructureError(
                        f"{problem.question_id} is in the data twice (first in {first})",
                        where=where,
                        next_step="remove one of the two lines",
                    )
                seen[problem.question_id] = where
                if selection.window.holds(problem.contest_date):
                    self.problems[problem.question_id] = problem
        self.unofficial = self._unofficial()
        """Why this is not the official data, in one line; None where every file is the official one."""
        self.warning = "; ".join(text for text in (self.unofficial, self._check_count()) if text) or None

    def tests(self, question_id: str) -> ProblemTests:
        """Read and decode one problem's tests; nothing is kept."""
        problem = self.problems[question_id]
        return read_tests(self._paths[problem.file], problem)

    @functools.cached_property
    def split(self) -> dict[str, int]:
        """Return the number of problems of each difficulty, the known ones first."""
        counts = Counter(problem.difficulty for problem in self.problems.values())
        return {name: counts[name] for name in (*DIFFICULTIES, *sorted(set(counts) - {*DIFFICULTIES})) if counts[name]}

    def describe(self) -> dict[str, Any]:
        """Return where every result says its problems came from."""
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
        """Return the selection, the count and the split in one line."""
        split = ", ".join(f"{count} {name}" for name, count in self.split.items())
        official = ", NOT the official data" if self.unofficial else ""
        return f"{self.selection}: {len(self.problems)} problems ({split}), data from {self.source.kind}{official}"

    def _unofficial(self) -> str | None:
        """Compare each file with the official one at the pinned revision."""
        for file in self.selection.files:
            have = self.files.get(file.name)
            if file.sha256 is None or have is None or have["sha256"] == file.sha256:
                continue
            return (
                f"{NOT_OFFICIAL}: {file.name} has {have['rows']} rows in {have['bytes']:,} bytes and the "
                f"sha256 {have['sha256'][:12]}…, the official file {file.rows} rows in {file.bytes:,} bytes and "
                f"{file.sha256[:12]}…"
            )
        return None

    def _check_count(self) -> str | None:
        """Compare with the published count: an error for pinned data, a warning for a folder of the user's."""
        if not self.problems:
            raise InfrastructureError(
                f"no problem of {self.selection} is in the data",
                where=", ".join(self._paths),
                next_step="check the files",
            )
        if self.selection.expected is None:
            return None
        count, split = self.selection.expected
        found, have = len(self.problems), tuple(self.split.get(name, 0) for name in DIFFICULTIES)
        if found == count and split in (None, have):
            return None
        wanted = f"{count} problems" + (f" ({'/'.join(map(str, split))} easy/medium/hard)" if split else "")
        message = f"{self.selection} should have {wanted}, this data has {found} ({'/'.join(map(str, have))})"
        if self.source.pinned:
            raise InfrastructureError(
                message, where=", ".join(self._paths), next_step="run `ssd-harness data verify`, then fetch again"
            )
        return message


def open_store(selection: Selection, folder: Path | str | None = None) -> ProblemStore:
    """Find the data of ``selection`` (downloading it from the Hub if no folder is named) and open it."""
    return ProblemStore(selection, locate(selection, folder))


def known_elsewhere(store: ProblemStore, question_ids: Iterable[str]) -> set[str]:
    """Return those ids that the release has outside of the store's window, as far as the data is at hand."""
    whole = store.selection.whole_release
    folder = store.source.paths[0].parent if store.source.kind == "folder" else None
    if store.source.kind == "hub":
        from ssd_harness.livecodebench.data_files import cached

        if not all(cached(file) for file in whole.files):
            return set()
    try:
        problems = open_store(whole, folder).problems
    except InfrastructureError:
        return set()
    return {name for name in question_ids if name in problems}
