"""Summarise verdicts: pass@k over problems, by difficulty, platform and month, and the kinds of failures."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ssd_harness import schema
from ssd_harness.judge.pass_at_k import KS, pass_at_k_values, possible_ks
from ssd_harness.judge.verdicts import ProgramVerdict, Verdict
from ssd_harness.livecodebench.problem import DIFFICULTIES, Problem
from ssd_harness.scoring.generation_facts import GenerationFacts, render_facts, summarize_facts
from ssd_harness.scoring.intervals import mean_and_error
from ssd_harness.tables import text_table


def left_out(samples: Iterable[int]) -> str | None:
    """Name the k that have too few samples to be reported; None if there are none."""
    fewest = min(samples, default=0)
    missing = [f"pass@{k}" for k in KS if k > fewest]
    if not missing or not fewest:
        return None
    return f"{' and '.join(missing)} left out: some problem has only {fewest} sample{'s' if fewest > 1 else ''}"


def summarize(
    verdicts: Iterable[ProgramVerdict],
    problems: Mapping[str, Problem],
    facts: Iterable[GenerationFacts] = (),
    *,
    equal: str | None = None,
) -> dict[str, Any]:
    """Return counts and pass@k with standard errors, for all problems with samples and by group.

    An internal error counts among the verdicts, but not in pass@k. ``facts`` are those of the generations that the
    programs came from. ``equal`` is the reason if a problem's samples count as one.
    """
    every = list(verdicts)
    by_problem: dict[str, list[bool]] = defaultdict(list)
    for verdict in every:
        if verdict.verdict is not Verdict.IE:
            by_problem[verdict.question_id].append(verdict.passed)
    counts = {name: (len(passed), sum(passed)) for name, passed in by_problem.items()}
    ks = possible_ks(1 if equal else samples for samples, _ in counts.values())

    def grouped(key: Callable[[Problem], str], first: Sequence[str] = ()) -> dict[str, Any]:
        groups: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for name, count in counts.items():
            groups[key(problems[name])].append(count)
        order = [name for name in first if name in groups] + sorted(set(groups) - set(first))
        return {name: _figures(groups[name], ks) for name in order}

    verdict_counts = Counter(verdict.verdict for verdict in every)
    return {
        schema.KEY: schema.SUMMARY,
        "all": _figures(list(counts.values()), ks),
        "left_out": equal or left_out(samples for samples, _ in counts.values()),
        "equal_samples": bool(equal),
        "by_difficulty": grouped(lambda problem: problem.difficulty, DIFFICULTIES),
        "by_platform": grouped(lambda problem: problem.platform),
        "by_month": grouped(lambda problem: problem.month),
        "verdicts": {verdict.value: verdict_counts[verdict] for verdict in Verdict if verdict_counts[verdict]},
        "reruns": sum(verdict.reruns for verdict in every),
        "generations": summarize_facts(facts),
        "errata_problems": sorted(name for name in counts if problems[name].erratum),
    }


def render(summary: Mapping[str, Any]) -> str:
    """Return the summary as text, in percent: by difficulty, then by platform and month."""
    ks = [key for key in summary["all"] if key.startswith("pass@") and not key.endswith("_stderr")]
    rows = _rows({"all": summary["all"], **summary["by_difficulty"]}, ks)
    for group in ("by_platform", "by_month"):
        rows += [[""], *_rows(summary[group], ks)]
    header = ["", "problems", "programs", *ks]
    lines = [text_table(rows, header, right=range(1, len(header)), rule=False), ""]
    if summary["left_out"]:
        lines.append(summary["left_out"])
    counts = ", ".join(f"{count} {name}" for name, count in summary["verdicts"].items())
    reruns = f"; {summary['reruns']} run again near the time limit" if summary["reruns"] else ""
    lines.append(f"verdicts: {counts}{reruns}")
    lines.append(render_facts(summary["generations"]))
    if errata := summary["errata_problems"]:
        lines.append(f"with known errata (scored like the others): {', '.join(errata)}")
    return "\n".join(lines)


def _rows(groups: Mapping[str, Mapping[str, Any]], ks: Iterable[str]) -> list[list[Any]]:
    return [
        [name, figures["problems"], figures["samples"]]
        + [_percent(figures[key], figures[f"{key}_stderr"]) for key in ks]
        for name, figures in groups.items()
    ]


def _figures(counts: Sequence[tuple[int, int]], ks: Iterable[int]) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "problems": len(counts),
        "samples": sum(samples for samples, _ in counts),
        "passed": sum(passed for _, passed in counts),
    }
    for k in ks:
        figures[f"pass@{k}"], figures[f"pass@{k}_stderr"] = mean_and_error(pass_at_k_values(counts, k))
    return figures


def _percent(value: float, error: float | None) -> str:
    return f"{100 * value:.1f}" + (f" ± {100 * error:.1f}" if error is not None else "")
