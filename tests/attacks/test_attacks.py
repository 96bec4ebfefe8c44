"""Judge every hostile program, each followed in the same slot by a right and a wrong one, and ask who was harmed.

What the sandbox covers is the list of folders below ``programs``, each line with its programs:

=============  =====================================================================================================
lying          objects that are equal to everything, whatever they are compared with
decoding       results and outputs that attack whoever reads, compares or shows them
raw            the same written past the runner's encoder, as forged results
walking        frames, heap, memory, tracing and imports in search of expected outputs
patching       builtins, modules, C slots, small integers and exit hooks of the interpreter the runner shares
forging        reports, descriptors, lengths and exits of the worker's own protocol; time laundering
signals        parents, groups, everybody; stopping, ignoring, timers, limits, names, priorities, affinity
exhaustion     processes, threads, memory, pipes, output, descriptors, recursion, compilation, numbers, sleep
stragglers     daemons, crowds that replace each other, vfork, new interpreters, stopped and traced processes
leftovers      files, /proc, System V and POSIX objects, keyrings, sockets, byte code, host name, locks
escaping       network, host files, environment, other processes, users, capabilities, namespaces, mounts, kernel
               interfaces, other architectures, the worker's own image, the terminal
=============  =====================================================================================================

What it does not cover: holes of the kernel itself (give Docker another runtime for that), side channels of the hardware
and of shared caches, and what a program learns about how many tests there are, since it may read all of its inputs at once.
A program may also spend one test's time on another: what it gains is bounded by the number of tests times the limit.
"""

import time
from dataclasses import dataclass, replace

import pytest
from attack_batch import Judged, batch
from attack_corpus import ATTACKS, PROGRAMS
from attacked_problems import LIMITS as USUAL_LIMITS
from attacked_problems import PROBLEMS, load_tests

from ssd_harness.judge.scheduler import judge_programs
from ssd_harness.judge.verdicts import ProgramVerdict, Verdict

# Dozens of programs work until they are stopped, each once or twice; the others end sooner than this.
LIMITS = replace(USUAL_LIMITS, cpu_s=0.6, wall_s=3.0)
TESTS = max(len(problem.tests.inputs) for problem in PROBLEMS.values())
CANARY = "ssd-canary-secret"
MOST_SLOTS_LOST = 4
"""A slot that cannot be swept clean is thrown away, which is safe but slow: it may happen, though not as a rule."""


@dataclass(frozen=True)
class Outcome:
    """What became of the whole corpus under one judge in one sandbox."""

    judged: list[tuple[Judged, ProgramVerdict]]
    seconds: float
    slots: int
    leaked: list[str]

    def of(self, role: str) -> list[tuple[str, ProgramVerdict]]:
        """Return attack names and verdicts of the attacks, or of the right or wrong programs that followed them."""
        return [(judged.attack, verdict) for judged, verdict in self.judged if judged.role == role]


def describe(verdicts) -> str:
    """List names and verdicts, a line each, for a failing assertion."""
    return "\n".join(
        f"{name}: {verdict.verdict} on {verdict.question_id} test {verdict.test}, {verdict.wall_s:.1f} s, {verdict.message}"
        for name, verdict in verdicts
    )


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((judge, sandbox), id=f"{judge}-{sandbox}", marks=marks)
        for sandbox, marks in (("docker", [pytest.mark.docker, pytest.mark.slow]), ("process", [pytest.mark.slow]))
        for judge in ("lcb", "stdio")
    ],
)
def outcome(request, watched):
    """Judge the corpus once in one slot."""
    judge, kind = request.param
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HF_TOKEN", CANARY)
        environment.setenv("SSD_TEST_CANARY", CANARY)
        sandbox = watched(request.getfixturevalue(f"{kind}_sandbox"))
        corpus = list(batch())
        verdicts = judge_programs(
            [judged.program for judged in corpus], load_tests, judge=judge, sandbox=sandbox, workers=1, limits=LIMITS
        )
        seconds = time.monotonic() - sandbox.began
    assert [(v.question_id, v.sample) for v in verdicts] == [(j.program.question_id, j.program.sample) for j in corpus]
    return Outcome(list(zip(corpus, verdicts, strict=True)), seconds, sandbox.needed, sandbox.leaked())


@pytest.mark.timeout(900)
def test_no_attack_passes(outcome):
    passed = [item for item in outcome.of("attack") if item[1].verdict is Verdict.AC]
    assert not passed, describe(passed)


@pytest.mark.timeout(900)
def test_no_fault_of_ours(outcome):
    internal = [
        item for role in ("attack", "right", "wrong") for item in outcome.of(role) if item[1].verdict is Verdict.IE
    ]
    assert not internal, describe(internal)


@pytest.mark.timeout(900)
def test_right_programs_pass_after_every_attack(outcome):
    failed = [item for item in outcome.of("right") if item[1].verdict is not Verdict.AC]
    assert not failed, describe(failed)


@pytest.mark.timeout(900)
def test_wrong_programs_are_wrong_after_every_attack(outcome):
    other = [item for item in outcome.of("wrong") if item[1].verdict is not Verdict.WA]
    assert not other, describe(other)


@pytest.mark.timeout(900)
def test_attacks_fail_as_expected(outcome):
    odd = [item for item in outcome.of("attack") if item[1].verdict not in ATTACKS[item[0]].verdicts]
    assert not odd, describe(odd)


def longest(attack, verdict):
    """Return the wall seconds that a program may have taken.

    One that worked until its CPU or wall time was over, on a machine with too few processors for it, had the second look's time.
    """
    starved = verdict.reruns and verdict.cause in {"cpu", "wall"}
    return max(attack.wall_s, 2 * LIMITS.wall_s + 2) if starved else attack.wall_s


@pytest.mark.timeout(900)
def test_time_is_bounded(outcome):
    slow = [item for item in outcome.of("attack") if item[1].wall_s > longest(ATTACKS[item[0]], item[1])]
    assert not slow, describe(slow)
    # Loading has a test's time of its own, and the sandbox grants a quarter more than the judge, to see what is near.
    most = LIMITS.cpu_s * 1.25 * (TESTS + 1)
    wasteful = [item for item in outcome.of("attack") if item[1].cpu_s > most + 1]
    assert not wasteful, describe(wasteful)
    # The whole batch takes what its programs took, and little more: nothing waits for an attack that is over.
    spent = sum(verdict.wall_s * (1 + verdict.reruns) for _, verdict in outcome.judged)
    assert outcome.seconds < 1.5 * spent + 60


@pytest.mark.timeout(900)
def test_messages_are_short_and_printable(outcome):
    shown = [item for role in ("attack", "right", "wrong") for item in outcome.of(role)]
    bad = [item for item in shown if len(item[1].message) > 1000 or not item[1].message.isprintable()]
    assert not bad, [ascii(verdict.message) for _, verdict in bad]


@pytest.mark.timeout(900)
def test_nothing_is_leaked(outcome):
    assert not outcome.leaked


@pytest.mark.timeout(900)
def test_slots_survive(outcome):
    # One for the batch, one for what is run again alone; the rest are slots that an attack cost us.
    assert outcome.slots <= 2 + MOST_SLOTS_LOST


def test_every_program_is_expected_and_says_what_it_tries():
    files = {str(path.relative_to(PROGRAMS).with_suffix("")): path for path in PROGRAMS.rglob("*.py")}
    assert files.keys() == ATTACKS.keys()
    assert len(files) >= 60
    assert all(path.read_text(encoding="utf-8").startswith("# ") for path in files.values())
