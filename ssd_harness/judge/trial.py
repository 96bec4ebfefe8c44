"""Decide the verdict of one run of one program from the raw outcomes of its tests."""

from dataclasses import dataclass, field, replace

from ssd_harness.judge.comparison import Checker
from ssd_harness.judge.problem_tests import Program
from ssd_harness.judge.verdicts import MAX_MESSAGE, ProgramVerdict, Verdict
from ssd_harness.printable import printable
from ssd_harness.sandbox.interface import JobEnd, Limits, Status, TestOutcome

BAND = 0.25
"""If the CPU time exceeds the limit by less than this share, the program runs again alone before it is decided."""
_STARVED = 0.2
"""A test that reached the wall limit after at least this share of its CPU limit was short of processors, not asleep."""
_MOST_PENDING = 32 << 20
"""Most bytes of output that are kept before they are compared."""

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
    """Return the limits that the sandbox enforces: higher ones, so that times slightly above the limit are measured."""
    return replace(limits, cpu_s=limits.cpu_s * (1 + BAND))


@dataclass(slots=True)
class Trial:
    """Decides one run; pass it every outcome, then the job's end.

    A program must not learn from its run how its answers compare: otherwise the samples of one problem could find the
    expected outputs together. Therefore a wrong answer stops nothing, and the other tests still run. What happens to a
    program depends only on :attr:`complete` and :attr:`overtime`, which it causes itself. :meth:`compare` is called
    when the next job is submitted, because its duration depends on the expected outputs.
    """

    program: Program
    expected: tuple[str, ...]
    checker: Checker
    limits: Limits
    """The limits that decide, not those that the sandbox enforces."""
    seen: int = 0
    complete: bool = False
    """Whether no further outcome counts: all tests ran, or the program failed one by a crash or a limit."""
    overtime: bool = False
    """Whether the program runs again alone: a test exceeded its time slightly, or for lack of processors."""
    decision: Verdict | None = None
    """The verdict, once :meth:`compare` has decided it."""
    in_doubt: bool = False
    """Whether such a test caused the decision."""
    _pending: list[TestOutcome] = field(default_factory=list)
    _pending_bytes: int = 0
    _test: int | None = None
    _cause: str = ""
    _message: str = ""
    _cpu_s: float = field(default=0.0)

    def take(self, outcome: TestOutcome) -> bool:
        """Take the next outcome; return whether to cancel the job because the test took too long."""
        if self.complete:
            return False
        self.seen += 1
        self._cpu_s += outcome.cpu_s
        self.overtime |= self._barely_too_slow(outcome)
        too_slow = outcome.cpu_s > self.limits.cpu_s
        self.complete = outcome.status is not Status.DONE or too_slow or self.seen == len(self.expected)
        self._pending.append(outcome)
        self._pending_bytes += len(outcome.output)
        if self._pending_bytes > _MOST_PENDING:
            self.compare()
        return too_slow

    def compare(self) -> None:
        """Compare the waiting outputs with the expected ones; the first failure in test order decides."""
        for outcome in self._pending:
            if self.decision is not None:
                break
            try:
                self._judge(outcome)
            except Exception as error:  # noqa: BLE001 - a failing comparison is our fault, not the program's
                self._fail(Verdict.IE, outcome, f"the comparison failed: {type(error).__name__}: {error}")
        self._pending.clear()
        self._pending_bytes = 0
        if self.decision is None and self.complete:
            self.decision = Verdict.AC

    def _barely_too_slow(self, outcome: TestOutcome) -> bool:
        limit = self.limits.cpu_s
        if outcome.status is Status.DONE:
            return limit < outcome.cpu_s <= (1 + BAND) * limit
        return outcome.status is Status.WALL and outcome.cpu_s >= _STARVED * limit

    def _judge(self, outcome: TestOutcome) -> None:
        if outcome.status is not Status.DONE:
            self._fail(_VERDICTS[outcome.status], outcome, outcome.message)
        elif outcome.cpu_s > self.limits.cpu_s:
            self._fail(Verdict.TLE, outcome, f"{outcome.cpu_s:.2f} s of CPU, {self.limits.cpu_s:g} s allowed")
        elif difference := self.checker(outcome.output, self.expected[outcome.test]):
            self._fail(Verdict.WA, outcome, difference)

    def _fail(self, verdict: Verdict, outcome: TestOutcome, message: str) -> None:
        self.decision = verdict
        self.in_doubt = self._barely_too_slow(outcome)
        self._test = None if outcome.status in (Status.COMPILE, Status.LOAD) else outcome.test + 1
        self._cause = outcome.status.value
        self._message = printable(message, MAX_MESSAGE)

    def verdict(self, end: JobEnd | None, reruns: int) -> ProgramVerdict:
        """Return the verdict; without the job's end, its figures are those of the tests alone."""
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
