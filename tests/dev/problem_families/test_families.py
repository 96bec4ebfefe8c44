import collections
import random

import pytest
from problem_families.families import FAMILIES


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


def test_there_are_enough_of_every_kind():
    kinds = collections.Counter((family.difficulty, bool(family.signature)) for family in FAMILIES.values())
    assert set(kinds) == {(difficulty, kind) for difficulty in ("easy", "medium", "hard") for kind in (True, False)}
    assert len(FAMILIES) >= 8


def test_right_programs_pass_and_mistaken_ones_fail(family, solves):
    """For every combination of parameters: tests let through all that is right and catch every known mistake."""
    for parameters in family.instances():
        problem = family.problem(parameters, seed="test")
        for source in family.right(parameters):
            assert solves(family.program(source), problem), (parameters, source)
        for source in family.wrong(parameters):
            assert not solves(family.program(source), problem), (parameters, source)


def test_there_are_several_styles(family):
    parameters = next(family.instances())
    assert len(set(family.right(parameters))) >= 3
    assert len(set(family.statements(parameters))) == 3


def test_the_same_seed_gives_the_same_problem(family):
    parameters = random.Random(1).choice(list(family.instances()))
    one, same, other = (family.problem(parameters, seed=seed) for seed in ("a", "a", "b"))
    assert one == same
    assert one.question_id != other.question_id
    assert one.private != other.private


def test_parameters_decide_the_question(family):
    """No two combinations of parameters ask the same in the same wording, or have the same gist."""
    everything = list(family.instances())
    wordings = [statement for parameters in everything for statement in family.statements(parameters)]
    assert len(set(wordings)) == len(wordings)
    assert len({family.gist(parameters) for parameters in everything}) == len(everything)


def test_the_example_is_a_public_test(family):
    problem = family.problem(next(family.instances()), seed="test")
    shown = problem.public[0]
    assert shown.output.strip() in problem.statement
    assert shown.input.strip().split("\n")[-1] in problem.statement


def test_public_and_private_tests_are_different(family):
    for parameters in list(family.instances())[::7]:
        problem = family.problem(parameters, seed="test")
        tests = problem.public + problem.private
        assert len(set(tests)) == len(tests) >= 10
        assert len(problem.public) == 2
