"""A baseline: what a gate needs of an earlier run, in one small file that can be committed."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from ssd_harness import foreign_json, schema
from ssd_harness.errors import UsageError
from ssd_harness.harness.result_files.outcomes import ProblemOutcome, read_outcomes
from ssd_harness.harness.result_files.runs import find_run, results_beside
from ssd_harness.results.conditions import Conditions
from ssd_harness.results.run_notes import provenance_of, task_of
from ssd_harness.storage import atomic_writer

MARK = "ssd_harness_baseline"


@dataclass(frozen=True, slots=True)
class GatedRun:
    """A run, or the baseline made from one."""

    name: str
    outcomes: Mapping[str, ProblemOutcome]
    conditions: Conditions


def read_run(selector: str) -> GatedRun:
    """Read a run by file, folder or ``FOLDER@WORD``, or a baseline file."""
    path = Path(selector)
    if path.suffix == ".json" and path.is_file():
        return _read_baseline(path)
    outcomes = read_outcomes(selector)
    file = find_run(selector)
    return GatedRun(selector, outcomes, Conditions.of(provenance_of(results_beside(file), task_of(file)), outcomes))


def require_same_conditions(run: GatedRun, baseline: GatedRun) -> None:
    """Raise :class:`UsageError` that names each condition in which the two differ, problems included."""
    differences = run.conditions.differences(baseline.conditions)
    extra, missing = run.outcomes.keys() - baseline.outcomes.keys(), baseline.outcomes.keys() - run.outcomes.keys()
    if extra or missing:
        differences.append(f"problems: {len(extra)} only in the run and {len(missing)} only in the baseline")
    if differences:
        raise UsageError(
            f"the run and its baseline were not evaluated alike: {'; '.join(differences)}",
            where=baseline.name,
            next_step="make a new baseline, or add --allow-different-conditions",
        )


def common_problems(run: GatedRun, baseline: GatedRun) -> tuple[GatedRun, GatedRun]:
    """Return both with the problems that both have. Raises :class:`UsageError` where there are none."""
    common = run.outcomes.keys() & baseline.outcomes.keys()
    if not common:
        raise UsageError("the run and its baseline have no problem in common", where=baseline.name)
    return _restricted(run, common), _restricted(baseline, common)


def write_baseline(run: GatedRun, path: Path) -> None:
    """Write ``run`` to ``path``: conditions, and for each problem its samples, how many passed, and its difficulty."""
    problems = {
        name: [outcome.samples, outcome.passed, outcome.difficulty] for name, outcome in sorted(run.outcomes.items())
    }
    content = {
        MARK: True,
        schema.KEY: schema.BASELINE,
        "run": run.name,
        "conditions": asdict(run.conditions),
        "problems": problems,
    }
    with atomic_writer(path) as stream:
        stream.write(json.dumps(content, indent=1) + "\n")


def _restricted(run: GatedRun, problems: Collection[str]) -> GatedRun:
    return replace(run, outcomes={name: outcome for name, outcome in run.outcomes.items() if name in problems})


def _read_baseline(path: Path) -> GatedRun:
    try:
        content = foreign_json.read(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the baseline: {error}", where=path) from error
    if not isinstance(content, dict) or MARK not in content:
        raise UsageError(
            "not a baseline file",
            where=path,
            next_step="make one with `ssd-harness baseline RUN --out FILE`, or name a run's folder",
        )
    if content.get(schema.KEY) != schema.BASELINE:
        raise UsageError(
            f"a baseline of schema version {content.get(schema.KEY)!r}; this version reads {schema.BASELINE}",
            where=path,
            next_step="make it again with `ssd-harness baseline`",
        )
    problems, conditions = content.get("problems"), content.get("conditions")
    if not isinstance(problems, dict) or not problems:
        raise UsageError("the baseline has no problems", where=path, next_step="make it again")
    outcomes = {name: _outcome(name, row, path) for name, row in problems.items()}
    known_fields = {field.name for field in fields(Conditions)}
    stated = conditions.items() if isinstance(conditions, dict) else ()
    return GatedRun(
        str(path),
        outcomes,
        Conditions(**{key: value for key, value in stated if key in known_fields and isinstance(value, str)}),
    )


def _outcome(name: str, row: Any, path: Path) -> ProblemOutcome:
    whole = isinstance(row, list) and len(row) == 3
    numbers = whole and all(type(value) is int for value in row[:2]) and 0 <= row[1] <= row[0] and row[0] > 0
    if not numbers or not isinstance(row[2], str):
        raise UsageError(f"{name}: expected [samples, passed, difficulty]", where=path, next_step="make it again")
    return ProblemOutcome(name, row[0], row[1], row[2])
