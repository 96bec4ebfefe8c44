import collections
import json
from importlib import resources

from problem_families import mini
from problem_families.families import FAMILIES

from ssd_harness.livecodebench.private_tests import decode_tests

FILE = resources.files("ssd_harness.tasks") / "data" / "livecodebench_mini.jsonl"


def shipped():
    return [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]


def decoded(row):
    # zlib may compress otherwise elsewhere; what it holds may not differ.
    return {**row, "private_test_cases": decode_tests(row["private_test_cases"])}


def test_the_shipped_file_is_what_the_families_make():
    assert [decoded(row) for row in shipped()] == [decoded(problem.row()) for problem in mini.problems()]


def test_writing_the_file_again_changes_nothing(tmp_path):
    mini.main([str(tmp_path / "mini.jsonl")])
    assert [decoded(json.loads(line)) for line in (tmp_path / "mini.jsonl").open()] == [decoded(r) for r in shipped()]


def test_there_are_enough_problems_of_every_difficulty_and_kind():
    rows = shipped()
    assert len({row["question_id"] for row in rows}) == len(rows) == 36
    assert collections.Counter(row["difficulty"] for row in rows) == {"easy": 12, "medium": 12, "hard": 12}
    assert sum(bool(row["starter_code"]) for row in rows) == 18


def test_chosen_parameters_exist():
    for name, chosen in mini.CHOSEN.items():
        assert all(parameters in list(FAMILIES[name].instances()) for parameters in chosen)


def test_reference_programs_pass_and_mistakes_fail(solves):
    for problem, family, parameters in references():
        assert solves(family.program(family.right(parameters)[0]), problem), problem.question_id
        assert not solves(family.program(family.wrong(parameters)[0]), problem), problem.question_id


def references():
    chosen = [(FAMILIES[name], parameters) for name, listed in mini.CHOSEN.items() for parameters in listed]
    return [(problem, *pair) for problem, pair in zip(mini.problems(), chosen, strict=True)]
