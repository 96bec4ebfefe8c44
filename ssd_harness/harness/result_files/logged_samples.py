"""lm-eval's own ``samples_*.jsonl``: one row a problem, all its generations in ``resps``.

Our tasks log what became of each generation in ``filtered_resps``, the program among it, so that a rescore judges the
very programs that the run judged. Of rows without, such as other tasks', the programs are found anew.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ssd_harness.foreign_json import JsonError, parse
from ssd_harness.harness.result_files.sample_rows import Row, as_list, as_text
from ssd_harness.judge.verdicts import Verdict
from ssd_harness.livecodebench.extraction import PromptEnd, extract, prompt_end
from ssd_harness.scoring.generation_facts import GenerationFacts

_MOST_TOKENS = 1 << 40
"""More than any generation has; their sum over all samples is still exact as a float."""
_MOST_VALUES = 10_000


class LoggedGeneration(dict[str, Any]):
    """A generation's row that stays JSON where lm-eval logs every response as ``str`` of it."""

    def __str__(self) -> str:
        return json.dumps(self)


def is_logged_sample(row: Row) -> bool:
    """Whether a row has the form of lm-eval's."""
    return "resps" in row and not {"code", "code_list"} & set(row)


def logged_samples(row: Row, where: str) -> Iterator[tuple[str, GenerationFacts, bool | None]]:
    """Yield program, facts and verdict (None if there was none) of each generation in a row."""
    own = _own_rows(row)
    if own is not None:
        for made in own:
            yield made["code"], facts_of(made), _passed(made)
        return
    end = _prompt_end(row)
    for group in as_list(row["resps"], "resps", where):
        for text in as_list(group, "resps", where):
            found = extract(as_text(text, "resps", where), end)
            yield found.code, GenerationFacts(unfinished_reasoning=found.unfinished_reasoning), None


def facts_of(row: Mapping[str, Any]) -> GenerationFacts:
    """Read the facts that a row tells; anything of another type is unknown."""
    truncated, tokens = row.get("truncated"), row.get("tokens")
    return GenerationFacts(
        truncated if isinstance(truncated, bool) else None,
        tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and 0 <= tokens <= _MOST_TOKENS else None,
        row.get("unfinished_reasoning") is True,
    )


def _own_rows(row: Row) -> list[Mapping[str, Any]] | None:
    filtered = row.get("filtered_resps")
    if not (isinstance(filtered, list) and len(filtered) == 1 and isinstance(filtered[0], list) and filtered[0]):
        return None
    rows = [_decoded(item) for item in filtered[0]]
    own = all(isinstance(item, dict) and isinstance(item.get("code"), str) for item in rows)
    return rows if own else None


def _decoded(item: Any) -> Any:
    try:
        return parse(item, most=_MOST_VALUES) if isinstance(item, str) else item
    except JsonError:
        return None


def _passed(row: Mapping[str, Any]) -> bool | None:
    verdict = row.get("verdict")
    return row.get("passed") is True if isinstance(verdict, str) and verdict != Verdict.IE.value else None


def _prompt_end(row: Row) -> PromptEnd:
    """Look at the prompt as lm-eval logged it; what a model rendered itself is not there."""
    arguments = row.get("arguments")
    first = arguments.get("gen_args_0") if isinstance(arguments, dict) else None
    prompt = first.get("arg_0") if isinstance(first, dict) else None
    return prompt_end(prompt) if isinstance(prompt, str) else PromptEnd()
