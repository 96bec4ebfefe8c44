"""One run of one program: raw outcomes come in, in test order, and a verdict comes out."""

from dataclasses import dataclass, field, replace

from ssd_harness.judge.comparison import Checker
from ssd_harness.judge.excerpt import printable
from ssd_harness.judge.problem import Program
from ssd_harness.judge.verdicts import ProgramVerdict, Verdict
from ssd_harness.sandbox.contracts import JobEnd, Limits, Status, TestOutcome

BAND = 0.25
"""A time within this share of the limit decides nothing while other programs run beside it."""
_STARVED = 0.2
"""A test that hit the wall limit after at least this share of its CPU limit was short of processors, not asleep."""

_VERDICTS = {
    Status.EXCEPTION: Verdict.RE,
    Status.COMPILE: Verdict.CE,
    Status.LOAD: Verdict.RE,
    Status.CPU: Verdict.TLE,
    Status.WALL: Verdict.TLE,
    Status.MEMORY: Verdict.MLE,
    Status.OUTPUT: Verdict.OLE,
    Status.SIGNAL: Verdict.RE,
}


def granted(limits: Limits) -> Limits:
    """Return the limits that the sandbox enforces: past the band, so that a time near the limit is seen."""
    return replace(limits, cpu_s=limits.cpu_s * (1 + BAND))


@dataclass(slots=True)
class Trial:
    """Decides one program; feed it every outcome, then the job's end."""

    program: Program
    expected: tuple[str, ...]
    checker: Checker
    limits: Limits
    """What the program is judged by, not what the sandbox enforces."""
    seen: int = 0
    decision: Verdict | None = None
    """The verdict, as soon as it is known."""
    near: bool = False
    """Whether a time near the limit may have decided."""
    _test: int | None = None
    _cause: str = ""
    _message: str = ""
    _cpu_s: float = field(default=0.0)

    def take(self, outcome: TestOutcome) -> bool:
        """Judge one outcome; return whether it failed the program, so that the rest need not run."""
        if self.decision is not None:
            return False
        self.seen += 1
        self._cpu_s += outcome.cpu_s
        limit = self.limits.cpu_s
        self.near |= (1 - BAND) * limit <= outcome.cpu_s <= (1 + BAND) * limit and outcome.status is Status.DONE
        try:
            self._judge(outcome)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong while comparing is our fault, not the program's
            self._fail(Verdict.IE, outcome, f"comparing failed: {type(error).__name__}: {error}")
        if self.decision is None and self.seen == len(self.expected):
            self.decision = Verdict.AC
            return False
        return self.decision is not None

    def _judge(self, outcome: TestOutcome) -> None:
        if outcome.status is not Status.DONE:
            self.near = outcome.status is Status.WALL and outcome.cpu_s >= _STARVED * self.limits.cpu_s
            self._fail(_VERDICTS[outcome.status], outcome, outcome.message)
        elif outcome.cpu_s > self.limits.cpu_s:
            self._fail(Verdict.TLE, outcome, f"{outcome.cpu_s:.2f} s of CPU, {self.limits.cpu_s:g} s allowed")
        elif difference := self.checker(outcome.output, self.expected[outcome.test]):
            self.near = False
            self._fail(Verdict.WA, outcome, difference)

    def _fail(self, verdict: Verdict, outcome: TestOutcome, message: str) -> None:
        self.decision = verdict
        self._test = None if outcome.status in (Status.COMPILE, Status.LOAD) else outcome.test + 1
        self._cause = outcome.status.value
        self._message = printable(message)

    def verdict(self, end: JobEnd | None, reruns: int) -> ProgramVerdict:
        """Return the final word; without the job's end, the figures are those of the tests alone."""
        if self.decision is None:
            raise ValueError("the program is not decided yet")
        return ProgramVerdict(
            self.program.question_id,
            self.program.sample,
            self.decision,
            test=self._test,
            cpu_s=round(end.cpu_s if end else self._cpu_s, 4),
            wall_s=round(end.wall_s, 4) if end else 0.0,
            peak=end.peak if end else 0,
            message=self._message,
            reruns=reruns,
            cause=self._cause,
        )
