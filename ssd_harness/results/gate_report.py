"""Show a gate's result: as text, JSON, JUnit XML, and to a workflow on GitHub."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from ssd_harness import schema
from ssd_harness.errors import InfrastructureError
from ssd_harness.results.baseline import GatedRun
from ssd_harness.results.gate import Check, GateResult
from ssd_harness.results.github import annotations, job_summary
from ssd_harness.results.junit import junit_xml
from ssd_harness.storage import atomic_writer
from ssd_harness.tables import text_table

_HEADER = ("metric", "verdict", "run", "baseline", "difference", "detectable drop")


def as_text(result: GateResult, run: GatedRun, baseline: GatedRun | None) -> str:
    """Return a table of the checks, the reason of each, and the verdict."""
    rows = [
        (
            check.rule.name,
            check.verdict,
            check.value.percent(),
            check.baseline.percent() if check.baseline else "-",
            check.difference.percent(signed=True) if check.difference else "-",
            "-" if check.detectable_drop is None else f"{100 * check.detectable_drop:.1f}",
        )
        for check in result.checks
    ]
    problems = max(check.value.problems for check in result.checks)
    level = 100 * (1 - 2 * result.alpha)
    lines = [text_table(rows, _HEADER, right=range(2, len(_HEADER)))]
    lines += [
        f"percent, [{level:g} % interval over {problems} problems]; a drop as large as the detectable one is found"
    ]
    lines[-1] += " 8 times in 10"
    lines += [text_table([(f"{check.rule.name}:", check.reason) for check in result.checks])]
    against = text_table([(f"{result.verdict}:", run.name, *(("against", baseline.name) if baseline else ()))])
    return "\n".join([*lines, against])


def as_json(result: GateResult, run: GatedRun, baseline: GatedRun | None) -> str:
    """Return the result as a JSON document; every figure is a proportion."""
    content = {
        schema.KEY: schema.GATE,
        "verdict": str(result.verdict),
        "run": run.name,
        "baseline": baseline.name if baseline else None,
        "alpha": result.alpha,
        "checks": [_check(check) for check in result.checks],
    }
    return json.dumps(content, indent=2)


def write_junit(result: GateResult, run: GatedRun, path: Path, *, inconclusive_fails: bool) -> None:
    """Write the result to ``path`` as JUnit XML."""
    with atomic_writer(path) as stream:
        stream.write(junit_xml(result, run.name, inconclusive_fails=inconclusive_fails))


def tell_github(result: GateResult, run: GatedRun, baseline: GatedRun | None, *, stream: TextIO) -> None:
    """Print the annotations, and append the summary to the file that GITHUB_STEP_SUMMARY names."""
    for line in annotations(result):
        print(line, file=stream)
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as summary:
            summary.write(job_summary(result, run.name, baseline.name if baseline else None))
    except OSError as error:
        raise InfrastructureError(f"cannot write the job summary: {error.strerror}", where=path) from error


def _check(check: Check) -> dict[str, Any]:
    return {"metric": f"pass@{check.rule.k}", **asdict(check), "verdict": str(check.verdict)}
