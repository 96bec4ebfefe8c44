import itertools

import pytest
from problem_families import generator, mini
from problem_families.families import FAMILIES

from ssd_harness import prompt_styles

COUNT = 1500


@pytest.fixture(scope="module")
def drawn():
    return list(generator.draw(seed=0, count=COUNT))


def words(text):
    return "".join(c if c.isalnum() or c == "_" else " " for c in text.lower()).split()


def runs(text):
    found = words(text)
    return {tuple(found[i : i + 13]) for i in range(len(found) - 12)}


def test_draws_are_different_and_of_every_family(drawn):
    assert len(drawn) == COUNT
    assert len({one.problem.statement for one in drawn}) == len({one.problem.question_id for one in drawn}) == COUNT
    counts = [sum(one.family is family for one in drawn) for family in FAMILIES.values()]
    assert max(counts) - min(counts) <= 1


def test_nothing_is_shared_with_the_evaluated_problems(drawn):
    evaluated = mini.problems()
    statements = {" ".join(words(problem.statement)) for problem in evaluated}
    texts = set().union(*(runs(problem.statement) for problem in evaluated))
    tests = {case for problem in evaluated for case in problem.public + problem.private}
    for one in drawn:
        assert one.parameters not in mini.CHOSEN[one.family.name]
        assert " ".join(words(one.problem.statement)) not in statements
        assert not runs(one.problem.statement) & texts
        assert not {*one.problem.public, *one.problem.private} & tests


def test_every_wording_is_drawn(drawn):
    """Leaving out what resembles the evaluated problems must not leave out a whole wording."""
    for name, family in FAMILIES.items():
        indices = [
            next(
                i for i, text in enumerate(family.statements(one.parameters)) if one.problem.statement.startswith(text)
            )
            for one in drawn
            if one.family.name == name
        ]
        assert min(indices.count(i) for i in range(3)) > len(indices) / 10, name


def test_tests_that_remain_still_catch_mistakes(drawn, solves):
    """Each usual mistake counts; a few show only on an edge case that the evaluated problems hold (zero, say)."""
    caught = [
        not solves(one.family.program(mistake), one.problem)
        for one in drawn[:240]
        for mistake in one.family.wrong(one.parameters)
    ]
    assert sum(caught) >= 0.95 * len(caught)


def test_fewer_are_the_first_of_more():
    assert list(generator.draw(seed=3, count=20)) == list(itertools.islice(generator.draw(seed=3, count=60), 20))


def test_seeds_draw_differently():
    ids = [{one.id for one in generator.prompts(seed=seed, count=30)} for seed in (1, 2)]
    assert not ids[0] & ids[1]


def test_prompts_are_rendered_as_the_evaluation_renders_them():
    rows = list(generator.rows(seed=5, count=24))
    drawn = list(generator.prompts(seed=5, count=24))
    assert [one.text for one in drawn] == [prompt_styles.render(row).user for row in rows]
    assert [one.id for one in drawn] == [row["question_id"] for row in rows]


def test_more_than_there_are_is_an_error(monkeypatch):
    monkeypatch.setattr(generator, "_free_parameters", lambda name: [next(FAMILIES[name].instances())])
    monkeypatch.setattr(type(FAMILIES["tally"]), "draw", lambda self, p, rng, size: ([1, 2, 3],))
    monkeypatch.setattr(type(FAMILIES["tally"]), "edges", lambda self, p: ())
    with pytest.raises(ValueError, match="fewer than"):
        list(generator.draw(seed=0, count=200))


def test_what_may_be_asked_for_is_there():
    """Every family has its share of other statements, with room for those that share 13 words with the mini problems."""
    family, statements = FAMILIES["stairs"], set()
    for parameters in generator._free_parameters("stairs"):
        one = family.problem(parameters, seed="")
        x, y = parameters["jumps"]
        stairs = {x * i + y * j for i in range(7) for j in range(1, 7)}
        examples = [family._example(parameters, (count,)) for count in stairs]
        assert one.statement.partition("\n\n")[0] in family.statements(parameters)
        statements |= {f"{words}\n\n{one}" for words in family.statements(parameters) for one in examples}
    mini = generator._mini_ngrams()
    left = sum(not generator._ngrams(statement) & mini for statement in statements)
    assert left > 1.1 * generator.MOST / len(FAMILIES)
    # The others draw their examples as lists or words: no two of some hundred are alike.
    for name in FAMILIES.keys() - {"stairs"}:
        parameters = generator._free_parameters(name)[-1]
        drawn = {FAMILIES[name].problem(parameters, seed=str(seed)).statement for seed in range(100)}
        assert len(drawn) > 80, name


def test_more_than_may_be_asked_for_is_refused_at_once():
    with pytest.raises(ValueError, match="fewer than 99999999"):
        next(generator.draw(seed=0, count=99_999_999))
