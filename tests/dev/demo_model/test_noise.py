import random
from types import SimpleNamespace

import pytest
from demo_model.noise import CLEAN, Noise, write_program
from demo_model.source_tokens import replace_tokens
from problem_families import generator


@pytest.fixture(scope="module")
def drawn():
    return list(generator.draw(seed=11, count=120))


def written(drawn, noise):
    rng = random.Random(1)
    return [write_program(one.family, one.parameters, noise, rng) for one in drawn]


def wrong_share(drawn, programs, solves):
    pairs = zip(drawn, programs, strict=True)
    return sum(not solves(program, one.problem) for one, program in pairs) / len(drawn)


def test_without_noise_all_programs_are_right_in_any_style(drawn, solves):
    programs = written(drawn, CLEAN)
    assert wrong_share(drawn, programs, solves) == 0
    assert len({program.split("\n")[2] for program in programs}) > 20


def test_mistaken_ideas_are_as_frequent_as_they_say(drawn, solves):
    assert 0.35 < wrong_share(drawn, written(drawn, Noise(0.5, 0.5, 0.5, slips=0)), solves) < 0.65
    assert (
        wrong_share(drawn, written(drawn, Noise(1, 1, 1, slips=0)), solves) > 0.9
    )  # tests that the mini problems use are left out


def test_slips_are_as_frequent_as_they_say(drawn):
    source, slipped = "x = max(x, 1) + n\n" * 500, []
    family = SimpleNamespace(
        difficulty="easy", gist=str, program=str, right=lambda p: [source], wrong=lambda p: [source]
    )
    noisy = write_program(family, {}, Noise(0, 0, 0, slips=0.1), random.Random(1))
    replace_tokens(noisy, lambda token: slipped.append(token.string) or token.string)
    before = ["x", "=", "max", "(", "x", ",", "1", ")", "+", "n"] * 500
    changed = [old for old, new in zip(before, slipped, strict=True) if old != new]
    assert set(changed) == {"x", "max", "1", "+", "n"}
    assert 0.08 < len(changed) / (6 * 500) < 0.12


def test_a_slip_changes_a_token_and_never_the_layout(drawn):
    for program in written(drawn, Noise(0, 0, 0, slips=1)):
        assert replace_tokens(program, lambda token: token.string) == program  # it still has Python's tokens
        assert all(not (len(line) - len(line.lstrip())) % 4 for line in program.splitlines())


def test_harder_problems_are_mistaken_as_often_as_they_say(drawn, solves):
    noise = Noise(easy=0, medium=0, hard=1, slips=0)
    for one, program in zip(drawn, written(drawn, noise), strict=True):
        if one.problem.difficulty != "hard":
            assert solves(program, one.problem)
    hard = [one for one in drawn if one.problem.difficulty == "hard"]
    assert wrong_share(hard, written(hard, noise), solves) > 0.9


def test_a_program_begins_by_restating_the_question(drawn):
    for one, program in zip(drawn, written(drawn, CLEAN), strict=True):
        assert program.startswith(f"# {one.family.gist(one.parameters)}\n")
