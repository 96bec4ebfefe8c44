import json

from problem_families import demo_prompts, generator
from pyarrow import parquet

from ssd_harness.artifacts.base_model import demo_folder
from ssd_harness.prompts import prompt_set
from ssd_harness.recipe.definition import Recipe


def test_the_shipped_prompts_are_what_the_families_give():
    assert parquet.read_table(demo_folder().parent / "prompts.parquet").to_pylist() == list(demo_prompts.rows())


def test_reading_them_changes_neither_text_nor_tests(tmp_path, monkeypatch):
    monkeypatch.setenv("SSD_HARNESS_HOME", str(tmp_path))
    collected = prompt_set.collect(Recipe(prompts="demo", prompt_limit=60, filter="passes-tests"))
    for prompt, drawn in zip(collected, generator.prompts(seed=demo_prompts.SEED, count=60), strict=True):
        cases = drawn.problem.public + drawn.problem.private
        assert (prompt.id, prompt.text) == (drawn.id, drawn.text)
        assert prompt.tests.inputs == tuple(case.input for case in cases)
        assert prompt.tests.outputs == tuple(case.output for case in cases)
        assert prompt.tests.function == drawn.problem.function


def test_rows_are_json_and_text():
    row = next(demo_prompts.rows())
    assert set(row) == {"id", "question_content", "starter_code", "tests"}
    assert set(json.loads(row["tests"])) == {"inputs", "outputs", "fn_name"}
