import pytest
from problem_families import mini
from problem_families.families import FAMILIES

from ssd_harness.judge.problem_tests import Program
from ssd_harness.judge.scheduler import judge_programs
from ssd_harness.judge.verdicts import Verdict
from ssd_harness.livecodebench.releases import select
from ssd_harness.livecodebench.store import open_store


def programs(kind):
    """Every right or mistaken program for every problem of the shipped file."""
    made, index = [], 0
    for name, chosen in mini.CHOSEN.items():
        for number, parameters in enumerate(chosen, start=1):
            for source in getattr(FAMILIES[name], kind)(parameters):
                made.append(Program(f"mini_{name}_{number}", index, FAMILIES[name].program(source)))
                index += 1
    return made


@pytest.mark.docker
@pytest.mark.parametrize("judge", ["lcb", "stdio"])
def test_right_programs_are_accepted_and_mistakes_are_wrong_answers(judge, docker_sandbox):
    """Both judges agree with the families, through the shipped file and the real sandbox."""
    store = open_store(select("mini"))
    right, wrong = programs("right"), programs("wrong")
    verdicts = judge_programs([*right, *wrong], store.tests, judge=judge, sandbox=docker_sandbox)
    rejected = [verdict for verdict in verdicts[: len(right)] if not verdict.passed]
    assert not rejected
    assert {verdict.verdict for verdict in verdicts[len(right) :]} <= {Verdict.WA, Verdict.RE}
