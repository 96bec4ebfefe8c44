"""Prompts from data sets of the Hugging Face Hub, read as a stream."""

from collections.abc import Iterator
from typing import Any

from ssd_harness import prompt_styles
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.extensions.contracts import Prompt
from ssd_harness.printable import first_line
from ssd_harness.prompts.data_set_rows import PromptRows
from ssd_harness.recipe.definition import Recipe

_RSTAR, _RSTAR_CONFIG = "microsoft/rStar-Coder", "seed_sft"
_PASSED = "is_passed"


def hub(argument: str, recipe: Recipe) -> PromptRows:
    """Read ``hub:DATASET[:CONFIG[:SPLIT]]``; columns are found as in files."""
    dataset, _, rest = argument.partition(":")
    config, _, split = rest.partition(":")
    if not dataset:
        raise UsageError("no data set is given", where=f"hub:{argument}", next_step="give hub:DATASET[:CONFIG[:SPLIT]]")
    return PromptRows(_rows(dataset, config or None, split or "train"), recipe)


def rstar(argument: str, _: Recipe) -> Iterator[Prompt]:
    """Read the problems of rStar-Coder, which the recipe's prompt style renders.

    ``rstar:is_passed`` keeps the rows whose answer was verified: the paper's prompts. The data set has one row for each
    answer, so statements repeat. Duplicates are dropped when prompts are collected; only the first of them may have
    starter code.
    """
    if argument not in {"", _PASSED}:
        raise UsageError(f"rstar has no option {argument!r}", next_step=f"give rstar or rstar:{_PASSED}")
    columns = ["question", "starter_code", *([_PASSED] if argument else [])]
    for number, (where, row) in enumerate(_rows(_RSTAR, _RSTAR_CONFIG, "train", columns=columns)):
        if argument and str(row[_PASSED]).lower() not in {"true", "1"}:
            continue
        if not row["question"]:
            raise InfrastructureError("this row has no question", where=where)
        shown = {"question_content": row["question"], "starter_code": row.get("starter_code") or ""}
        turns = (("user", prompt_styles.render(shown).user),)
        yield Prompt(f"rstar-{number}", turns, statement=row["question"], problem=shown)


def _rows(dataset: str, config: str | None, split: str, **options: Any) -> Iterator[tuple[str, Any]]:
    import datasets

    try:
        stream = datasets.load_dataset(dataset, config, split=split, streaming=True, **options)
        for number, row in enumerate(stream, start=1):
            yield f"{dataset}, row {number}", row
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise InfrastructureError(
            f"cannot read the prompts: {first_line(error)}",
            where=":".join(part for part in (dataset, config, split) if part),
            next_step="check the network and the name, or give prompts= a local file",
        ) from error
