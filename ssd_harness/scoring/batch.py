"""Score one batch of programs: reuse verdicts from a journal, judge the other programs, and record new verdicts."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ssd_harness import provenance
from ssd_harness.artifacts.verdict_journal import Journal, key_of
from ssd_harness.errors import InfrastructureError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Sandbox
from ssd_harness.judge.problem_tests import Program
from ssd_harness.judge.verdicts import ProgramVerdict, Verdict
from ssd_harness.livecodebench.store import ProblemStore
from ssd_harness.scoring.options import ScoringOptions

_SHOWN = 5
_IDENTIFYING = ("sandbox", "fingerprint", "runtime", "slot_memory")


@dataclass(frozen=True, slots=True)
class Scoring:
    """The verdicts of one batch, in the order of its programs."""

    verdicts: tuple[ProgramVerdict, ...]
    provenance: dict[str, Any]
    """Judge, tests and sandbox, as results record them."""
    judged: int
    """Programs that ran now; the others had a verdict, or the same text as a program that ran."""

    @property
    def internal_errors(self) -> list[ProgramVerdict]:
        """Return the programs that were not judged because this package or the sandbox failed."""
        return [verdict for verdict in self.verdicts if verdict.verdict is Verdict.IE]

    def require_complete(self, next_step: str) -> None:
        """Raise an error that names the programs without a verdict, if there are any."""
        if unjudged := self.internal_errors:
            names = ", ".join(f"{verdict.question_id}#{verdict.sample}" for verdict in unjudged[:_SHOWN])
            more = f" and {len(unjudged) - _SHOWN} more" if len(unjudged) > _SHOWN else ""
            raise InfrastructureError(
                f"{len(unjudged)} of {len(self.verdicts)} programs have no verdict (IE): {names}{more}",
                where=unjudged[0].message or None,
                next_step=next_step,
            )


def score(
    programs: Sequence[Program],
    store: ProblemStore,
    options: ScoringOptions,
    journal: Journal,
    *,
    on_start: Callable[[int], None] = lambda _: None,
    on_verdict: Callable[[ProgramVerdict], None] = lambda _: None,
) -> Scoring:
    """Judge ``programs``, whose problems are all in ``store``.

    Programs with the same text for the same problem run once. ``on_start`` is called with the number of programs to
    run, ``on_verdict`` with each new verdict. Internal errors are returned, not raised: see
    :meth:`Scoring.require_complete`.
    """
    from ssd_harness.judge.scheduler import judge_programs

    with plugin_manager.lookup(Sandbox, options.sandbox_name).factory() as sandbox:
        described = sandbox.describe()
        scheme = _scheme(options, described)
        keys = [_key(program, store, scheme) for program in programs]
        judged = journal.read()
        missing: dict[str, Program] = {}
        for key, program in zip(keys, programs, strict=True):
            if key not in judged:
                missing.setdefault(key, program)
        on_start(len(missing))
        if missing:
            sandbox.check()
            key_of_program = {(program.question_id, program.sample): key for key, program in missing.items()}

            def record(verdict: ProgramVerdict) -> None:
                key = key_of_program[verdict.question_id, verdict.sample]
                judged[key] = verdict
                journal.append(key, verdict)
                on_verdict(verdict)

            judge_programs(
                list(missing.values()),
                store.tests,
                judge=options.judge,
                sandbox=sandbox,
                workers=options.workers,
                tests=options.tests,
                on_verdict=record,
            )
    verdicts = tuple(
        dataclasses.replace(judged[key], question_id=program.question_id, sample=program.sample)
        for key, program in zip(keys, programs, strict=True)
    )
    return Scoring(verdicts, {"judge": options.judge, "tests": options.tests, "sandbox": described}, len(missing))


def _scheme(options: ScoringOptions, described: dict[str, Any]) -> str:
    """Return everything but program and tests that a verdict depends on, the judge's own code included.

    Of a sandbox only what identifies its contents counts: image ids and engine versions may differ without effect.
    """
    identity = {name: described[name] for name in _IDENTIFYING if name in described} or described
    parts = [options.judge, options.tests, provenance.source_hash("ssd_harness.judge"), identity]
    return json.dumps(parts, sort_keys=True, default=str)


def _key(program: Program, store: ProblemStore, scheme: str) -> str:
    code = program.code.encode("utf-8", "surrogatepass").hex()
    return key_of(program.question_id, store.problems[program.question_id].tests_sha256, code, scheme)
