"""Load a problem's tests: the inputs go to a slot and are not kept, the expected outputs stay here."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from threading import Lock

from ssd_harness.errors import InfrastructureError
from ssd_harness.judge.comparison import Checker, compare_exact_values, compare_lines, compare_values
from ssd_harness.judge.judges import Judge, TestSelection
from ssd_harness.judge.problem_tests import ProblemTests, Program
from ssd_harness.judge.trial import Trial, granted
from ssd_harness.sandbox.interface import Job, Limits, Runner, Slot
from ssd_harness.sandbox.worker.protocol import MAX_OUTPUT

_RUNNERS = {
    (Judge.LCB, False): Runner.LCB_STDIN,
    (Judge.LCB, True): Runner.LCB_FUNCTIONAL,
    (Judge.STDIO, False): Runner.STDIO,
    (Judge.STDIO, True): Runner.STDIO_FUNCTIONAL,
}


_numbers = count()
"""Numbers for the inputs, unique in every slot whichever loaders share it."""


class UnusableTestsError(InfrastructureError):
    """A problem's tests are missing or cannot be loaded: only its programs become internal errors."""


@dataclass(frozen=True, slots=True)
class LoadedTests:
    """A problem's tests, whose inputs are in a slot."""

    inputs: int
    """Number of the inputs in the slot."""
    expected: tuple[str, ...]
    checker: Checker
    limits: Limits
    runner: Runner
    entry: str

    def job(self, code: str) -> Job:
        """Return the job that runs ``code`` on all tests."""
        return Job(
            program=code.encode("utf-8", "surrogatepass"),
            runner=self.runner,
            inputs=self.inputs,
            tests=range(len(self.expected)),
            entry=self.entry,
            limits=granted(self.limits),
        )

    def trial(self, program: Program) -> Trial:
        """Return the trial that decides one run of ``program``."""
        return Trial(program, self.expected, self.checker, self.limits)


class TestLoader:
    """Loads problems into slots, one at a time, so that at most one is decoded at any moment."""

    __test__ = False  # not a pytest class

    def __init__(
        self, load_tests: Callable[[str], ProblemTests], judge: Judge, tests: TestSelection, limits: Limits | None
    ) -> None:
        self._load_tests, self._judge, self._tests = load_tests, judge, tests
        self._limits = limits or Limits()
        self._lock = Lock()

    def _checker(self, *, functional: bool) -> Checker:
        if not functional:
            return compare_lines
        return compare_values if self._judge is Judge.LCB else compare_exact_values

    def load(self, question_id: str, slot: Slot) -> LoadedTests:
        """Send the problem's inputs to ``slot``. Raises :class:`UnusableTestsError` or the slot's own error."""
        with self._lock:
            try:
                tests = self._load_tests(question_id)
                inputs, expected = _select(tests, self._tests)
            except Exception as error:
                raise UnusableTestsError(f"cannot load the tests: {error}", where=question_id) from error
            number = next(_numbers)
            slot.load(number, inputs)
        limits = self._limits if tests.cpu_s is None else replace(self._limits, cpu_s=tests.cpu_s)
        functional = tests.function is not None
        return LoadedTests(
            inputs=number,
            expected=expected,
            checker=self._checker(functional=functional),
            limits=_limits_for(limits, expected),
            runner=_RUNNERS[self._judge, functional],
            entry=tests.function or "",
        )


def _limits_for(limits: Limits, expected: tuple[str, ...]) -> Limits:
    """Raise the output limit if an expected output is larger; programs learn only a power of two."""
    longest = max(len(text.encode("utf-8", "surrogatepass")) for text in expected)
    output = 1 << (4 * longest).bit_length() if 2 * longest > limits.output else limits.output
    return replace(limits, output=min(output, MAX_OUTPUT))


def _select(tests: ProblemTests, which: TestSelection) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    """Return (inputs, expected) of the selected tests."""
    if len(tests.inputs) != len(tests.expected):
        raise ValueError(f"{len(tests.inputs)} inputs, {len(tests.expected)} expected outputs")
    part = {
        TestSelection.ALL: slice(None),
        TestSelection.PUBLIC: slice(tests.public),
        TestSelection.PRIVATE: slice(tests.public, None),
    }[which]
    inputs, expected = tests.inputs[part], tests.expected[part]
    if not inputs:
        raise ValueError("no tests" if which is TestSelection.ALL else f"no {which} tests")
    return inputs, expected
