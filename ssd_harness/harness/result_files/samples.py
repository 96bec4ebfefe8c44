"""Read samples to judge: programs or raw outputs, in the forms of several harnesses."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ssd_harness.errors import UsageError
from ssd_harness.harness.result_files.logged_rows import (
    facts_of,
    is_logged_row,
    prompt_end_of,
    question_id_of,
    records_of,
    responses_of,
)
from ssd_harness.harness.result_files.rows import FORMS, Row, as_list, as_text, read_rows
from ssd_harness.judge.problem_tests import Program
from ssd_harness.judge.verdicts import Verdict
from ssd_harness.livecodebench.extraction import extract, prompt_end
from ssd_harness.scoring.generation_facts import GenerationFacts

_CUT = {"length", "max_tokens"}


@dataclass(frozen=True, slots=True)
class LocatedProgram:
    """A program, its location, and the facts about it in its file."""

    program: Program
    where: str
    facts: GenerationFacts = field(default_factory=GenerationFacts)
    published: bool | None = None
    """Whether the program passed according to its file; None if the file has no such entry."""


def read_samples(path: Path) -> list[LocatedProgram]:
    """Read all samples in ``path``; several rows of one problem are several samples, numbered in order.

    Reads our own forms, lm-eval's ``samples_*.jsonl``, LiveCodeBench's ``output`` and ``eval_all`` files, and its
    custom evaluator's ``[{"question_id", "code_list"}]``. Raises :class:`UsageError` with file and line for a row that
    is not valid.
    """
    samples = samples_of(read_rows(path))
    if not samples:
        raise UsageError("no samples in this file", where=path, next_step=FORMS)
    return samples


def samples_of(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> list[LocatedProgram]:
    """Return the samples in (where, row) pairs, numbered per problem in the order of the rows."""
    samples: list[LocatedProgram] = []
    numbers: Counter[str] = Counter()
    for where, row in rows:
        question_id = _question_id(row, where)
        for code, facts, published in _programs(row, where):
            samples.append(LocatedProgram(Program(question_id, numbers[question_id], code), where, facts, published))
            numbers[question_id] += 1
    return samples


def _question_id(row: Mapping[str, Any], where: str) -> str:
    value = question_id_of(row)
    if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
        raise UsageError("a sample without question_id", where=where, next_step=FORMS)
    return str(value)


def _programs(row: Mapping[str, Any], where: str) -> Iterator[tuple[str, GenerationFacts, bool | None]]:
    if is_logged_row(row):
        yield from _logged_programs(row, where)
    elif "code" in row:
        yield as_text(row["code"], "code", where), _facts(row), None
    elif "code_list" in row:
        codes = as_list(row["code_list"], "code_list", where)
        for code, published in zip(codes, _published(row, len(codes), where), strict=True):
            yield as_text(code, "code_list", where), GenerationFacts(), published
    elif "output" in row or "output_list" in row:
        outputs = [row["output"]] if "output" in row else as_list(row["output_list"], "output_list", where)
        facts = _facts(row) if "output" in row else GenerationFacts()
        end = prompt_end(_prompt(row.get("prompt"), where))
        for output in outputs:
            extracted = extract(as_text(output, "output", where), end)
            yield extracted.code, replace(facts, unfinished_reasoning=extracted.unfinished_reasoning), None
    else:
        raise UsageError("a sample without a program", where=where, next_step=FORMS)


def _logged_programs(row: Row, where: str) -> Iterator[tuple[str, GenerationFacts, bool | None]]:
    """Yield the programs that our task recorded; for other tasks, extract them from the responses."""
    records = records_of(row)
    if records is not None and all(isinstance(record.get("code"), str) for record in records):
        for record in records:
            yield record["code"], facts_of(record), _passed(record)
        return
    end = prompt_end_of(row)
    for text in responses_of(row, where):
        extracted = extract(text, end)
        yield extracted.code, GenerationFacts(unfinished_reasoning=extracted.unfinished_reasoning), None


def _passed(record: Mapping[str, Any]) -> bool | None:
    verdict = record.get("verdict")
    return record.get("passed") is True if isinstance(verdict, str) and verdict != Verdict.IE.value else None


def _prompt(value: Any, where: str) -> str:
    """Return the text of a prompt, or the last of its chat messages: the generation continues it."""
    if isinstance(value, list):
        last = value[-1] if value else None
        value = last.get("content") if isinstance(last, dict) else last
    if isinstance(value, list):  # a message's content in parts
        value = "".join(str(part.get("text") or "") for part in value if isinstance(part, dict))
    return as_text(value, "prompt", where)


def _facts(row: Mapping[str, Any]) -> GenerationFacts:
    """Return how a generation ended, from our own fields or an API's finish_reason."""
    facts, reason = facts_of(row), row.get("finish_reason")
    return replace(facts, truncated=reason in _CUT) if facts.truncated is None and isinstance(reason, str) else facts


def _published(row: Mapping[str, Any], count: int, where: str) -> Sequence[bool | None]:
    """Return the verdicts in a row of an ``eval_all`` file."""
    if row.get("graded_list") is None:
        return [None] * count
    graded = as_list(row["graded_list"], "graded_list", where)
    if len(graded) != count or not all(isinstance(flag, bool | int) for flag in graded):
        raise UsageError(
            f"graded_list of a sample must hold one true or false for each of its {count} programs", where=where
        )
    return [bool(flag) for flag in graded]
