"""Read prompts from local files, and those that ship with the package."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from ssd_harness.errors import UsageError
from ssd_harness.prompts.data_set_rows import PromptRows
from ssd_harness.recipe.definition import Recipe


def jsonl(argument: str, recipe: Recipe) -> PromptRows:
    """Read a file with one JSON object per line."""
    return PromptRows(_parsed(_existing(argument)), recipe)


def parquet(argument: str, recipe: Recipe) -> PromptRows:
    """Read a Parquet file, batch by batch."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    path = _existing(argument)

    def rows() -> Iterator[tuple[str, Any]]:
        number = 0
        try:
            for batch in file.iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}, row {number}", row
        except (OSError, pa.ArrowException) as error:
            raise UsageError(f"not a Parquet file: {error}", where=path) from error

    try:
        # By default pyarrow reads a whole row group ahead, which may be the whole file.
        file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"not a Parquet file: {error}", where=path) from error
    return PromptRows(rows(), recipe, file.metadata.num_rows)


def demo(argument: str, recipe: Recipe) -> PromptRows:
    """Read the prompts that ship with the package: small problems of the kinds in ``livecodebench_mini``."""
    if argument:
        what = f"the prompt source demo takes no argument, got {argument!r}"
        raise UsageError(what, next_step="use prompt_limit= for the number of prompts")
    if not (recipe.prompt_template or recipe.prompt_column or recipe.starter_column):
        recipe = replace(recipe, prompt_column="question_content", starter_column="starter_code")
    return parquet(str(resources.files("ssd_harness.demo") / "prompts.parquet"), recipe)


def _existing(argument: str) -> Path:
    with contextlib.suppress(OSError, RuntimeError):  # too long a name, or the home of an unknown user
        path = Path(argument).expanduser()
        if path.is_file():
            return path
    raise UsageError("the prompt file does not exist", where=argument, next_step="correct the path in prompts=")


def _parsed(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield f"{path}, line {number}", json.loads(line)
            except (ValueError, RecursionError) as error:
                what = f"not JSON: {str(getattr(error, 'msg', error)).removesuffix(' at')}"
                next_step = "a .jsonl file must have one JSON object per line"
                raise UsageError(what, where=f"{path}, line {number}", next_step=next_step) from error
