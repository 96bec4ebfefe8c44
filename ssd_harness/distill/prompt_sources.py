"""Prompts from local files and from the package's own generator of problems."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness.distill.contracts import Prompt, PromptTests
from ssd_harness.distill.prompt_rows import PromptRows
from ssd_harness.errors import UsageError
from ssd_harness.recipe import Recipe

_DEFAULT_COUNT = 512


def jsonl(argument: str, recipe: Recipe) -> PromptRows:
    """Read one JSON object a line."""
    return PromptRows(_parsed(_existing(argument)), recipe)


def parquet(argument: str, recipe: Recipe) -> PromptRows:
    """Read a Parquet file, batch by batch."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    path = _existing(argument)

    def rows() -> Iterator[tuple[str, Any]]:
        number = 0
        try:
            # By default pyarrow reads a whole row group ahead, which may be the whole file.
            file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
            for batch in file.iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}, row {number}", row
        except (OSError, pa.ArrowException) as error:
            raise UsageError(f"not a Parquet file: {error}", where=path) from error

    return PromptRows(rows(), recipe)


def generator(argument: str, recipe: Recipe) -> "Generated":
    """Draw problems of the families that ``livecodebench_mini`` is made of, none of which is in it."""
    from ssd_harness.problems import generator as problems

    if argument:
        what = f"the generator takes no argument, but {argument!r} is given"
        raise UsageError(what, next_step="give prompt_limit= for the number of prompts")
    count = recipe.prompt_limit or _DEFAULT_COUNT
    if count > problems.MOST:
        raise UsageError(
            f"the generator has no {count:,} different prompts: {problems.questions():,} different questions, and the "
            f"same in other words and with other examples",
            next_step=f"give prompt_limit={problems.MOST} or less",
        )
    return Generated(recipe.seed, count)


@dataclass(frozen=True, slots=True)
class Generated:
    """Prompts that are drawn as they are asked for."""

    seed: int
    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Prompt]:
        """Draw them one by one."""
        from ssd_harness.problems import generator as problems

        for drawn in problems.prompts(seed=self.seed, count=self.count):
            cases = drawn.problem.public + drawn.problem.private
            inputs, outputs = tuple(case.input for case in cases), tuple(case.output for case in cases)
            tests = PromptTests(inputs, outputs, drawn.problem.function) if cases else None
            yield Prompt(drawn.id, (("user", drawn.text),), tests)


def _existing(argument: str) -> Path:
    with contextlib.suppress(OSError, RuntimeError):  # a name that is too long, a home of nobody's
        path = Path(argument).expanduser()
        if path.is_file():
            return path
    raise UsageError("no such prompt file", where=argument, next_step="give prompts= the path of one")


def _parsed(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield f"{path}, line {number}", json.loads(line)
            except (ValueError, RecursionError) as error:
                what = f"not JSON: {str(getattr(error, 'msg', error)).removesuffix(' at')}"
                next_step = "a .jsonl file has one JSON object a line"
                raise UsageError(what, where=f"{path}, line {number}", next_step=next_step) from error
