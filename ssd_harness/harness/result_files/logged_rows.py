"""Parse a row of lm-eval's ``samples_*.jsonl``: one problem with all its responses.

Our task records the verdict and the program of each response in ``filtered_resps``, so that a rescore judges the same
programs as the run. For other tasks, the programs are extracted from the responses.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ssd_harness.foreign_json import JsonError, parse
from ssd_harness.harness.result_files.rows import Row, as_list, as_text
from ssd_harness.livecodebench.extraction import PromptEnd, prompt_end
from ssd_harness.scoring.generation_facts import GenerationFacts

_MOST_TOKENS = 1 << 40
"""More than any generation has; the sum over all samples is still exact as a float."""
_MOST_VALUES = 10_000


def is_logged_row(row: Row) -> bool:
    """Return whether lm-eval wrote this row."""
    return "resps" in row and not {"code", "code_list"} & set(row)


def question_id_of(row: Row) -> Any:
    """Return the question_id of a row, or of the document in it; None if neither has one."""
    return row.get("question_id", document_of(row).get("question_id"))


def document_of(row: Row) -> Mapping[str, Any]:
    """Return the problem that lm-eval logged, empty if there is none."""
    doc = row.get("doc")
    return doc if isinstance(doc, dict) else {}


def records_of(row: Row) -> list[Mapping[str, Any]] | None:
    """Return what our task recorded for each response; None for a row of another task."""
    responses = row.get("filtered_resps")
    while isinstance(responses, list) and len(responses) == 1 and isinstance(responses[0], list):
        responses = responses[0]
    if not isinstance(responses, list) or not responses:
        return None
    records = [_decoded(response) for response in responses]
    return records if all(isinstance(record, dict) for record in records) else None


def responses_of(row: Row, where: str) -> Iterator[str]:
    """Yield the model's responses as lm-eval logged them."""
    for group in as_list(row["resps"], "resps", where):
        for text in as_list(group, "resps", where):
            yield as_text(text, "resps", where)


def prompt_end_of(row: Row) -> PromptEnd:
    """Return how the logged prompt ends; a chat that the model rendered itself is not logged."""
    arguments = row.get("arguments")
    first = arguments.get("gen_args_0") if isinstance(arguments, dict) else None
    prompt = first.get("arg_0") if isinstance(first, dict) else None
    return prompt_end(prompt) if isinstance(prompt, str) else PromptEnd()


def facts_of(record: Mapping[str, Any]) -> GenerationFacts:
    """Return the facts in one of our records, or in a row; a value of a wrong type counts as unknown."""
    truncated, tokens = record.get("truncated"), record.get("tokens")
    return GenerationFacts(
        truncated if isinstance(truncated, bool) else None,
        tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and 0 <= tokens <= _MOST_TOKENS else None,
        record.get("unfinished_reasoning") is True,
    )


def _decoded(response: Any) -> Any:
    """Return the JSON value in a response: lm-eval logs every response as a string."""
    try:
        return parse(response, most=_MOST_VALUES) if isinstance(response, str) else response
    except JsonError:
        return None
