"""Judge every hostile program, each followed in the same slot by a right and a wrong one, and ask who was harmed."""

import time
from collections import Counter
from dataclasses import dataclass

import pytest
from attack_corpus import ATTACKS, LIMITS, PROGRAMS, Judged, batch, load_tests

from ssd_harness.judge.schedule import judge_programs
from ssd_harness.judge.verdicts import ProgramVerdict, Verdict

CANARY = "ssd-canary-secret"
SLOTS_PER_ATTACK = 0.25
"""A slot that cannot be swept clean is thrown away, which is safe but slow: it may happen, though not as a rule."""


class CountedSandbox:
    """Hands everything on to a sandbox and counts the slots it opens."""

    def __init__(self, sandbox):
        self._sandbox = sandbox
        self.opened = 0

    def __getattr__(self, name):
        return getattr(self._sandbox, name)

    def open_slot(self):
        """Open a slot and count it."""
        self.opened += 1
        return self._sandbox.open_slot()


@dataclass(frozen=True)
class Outcome:
    """What became of the whole corpus under one judge in one sandbox."""

    judged: list[tuple[Judged, ProgramVerdict]]
    seconds: float
    slots: int
    containers: tuple[int, int]

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
def outcome(request, container_count):
    """Judge the corpus once in one slot."""
    judge, kind = request.param
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HF_TOKEN", CANARY)
        environment.setenv("SSD_TEST_CANARY", CANARY)
        sandbox = CountedSandbox(request.getfixturevalue(f"{kind}_sandbox"))
        corpus = list(batch())
        before = container_count()
        started = time.monotonic()
        verdicts = judge_programs(
            [judged.program for judged in corpus], load_tests, judge=judge, sandbox=sandbox, workers=1, limits=LIMITS
        )
        seconds = time.monotonic() - started
    assert [(v.question_id, v.sample) for v in verdicts] == [(j.program.question_id, j.program.sample) for j in corpus]
    return Outcome(list(zip(corpus, verdicts, strict=True)), seconds, sandbox.opened, (before, container_count()))


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


@pytest.mark.timeout(900)
def test_time_is_bounded(outcome):
    slow = [item for item in outcome.of("attack") if item[1].wall_s > ATTACKS[item[0]].wall_s]
    assert not slow, describe(slow)
    assert outcome.seconds < 420


@pytest.mark.timeout(900)
def test_messages_are_short_and_printable(outcome):
    shown = [item for role in ("attack", "right", "wrong") for item in outcome.of(role)]
    bad = [item for item in shown if len(item[1].message) > 1000 or not item[1].message.isprintable()]
    assert not bad, [ascii(verdict.message) for _, verdict in bad]


@pytest.mark.timeout(900)
def test_nothing_is_leaked(outcome):
    before, after = outcome.containers
    assert after == before
    attacks = Counter(judged.role for judged, _ in outcome.judged)["attack"]
    assert outcome.slots <= 2 + SLOTS_PER_ATTACK * attacks


def test_every_program_is_expected_and_says_what_it_tries():
    files = {str(path.relative_to(PROGRAMS).with_suffix("")): path for path in PROGRAMS.rglob("*.py")}
    assert files.keys() == ATTACKS.keys()
    assert len(files) >= 60
    assert all(path.read_text(encoding="utf-8").startswith("# ") for path in files.values())
