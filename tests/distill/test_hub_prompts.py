"""Prompts of the Hub: rStar as it is laid out there, the paper's count, and any data set with a mapping of columns."""

import pytest

from ssd_harness import prompt_styles as prompt_texts
from ssd_harness.distill.planning import make_plan
from ssd_harness.distill.run_manifest import description
from ssd_harness.errors import InfrastructureError, SsdError
from ssd_harness.prompts import prompt_set
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.presets import presets
from ssd_harness.recipe.resolution import resolve

pytestmark = pytest.mark.hf

CARD = """---
configs:
  - config_name: seed_sft
    data_files: [{split: train, path: seed_sft/*.parquet}]
  - config_name: synthetic_sft
    data_files: [{split: train, path: synthetic_sft/*.parquet}]
---
"""


@pytest.fixture
def rstar(state, tmp_path, monkeypatch):
    """A folder as the Hub serves microsoft/rStar-Coder, under that name: one row an answer, two files, two configs."""
    import pyarrow as pa
    from pyarrow import parquet

    from ssd_harness.plugins import hub_prompts

    rows = [
        {"question": f"Question {number // 4}?{' ' * (number % 3)}", "starter_code": "", "is_passed": number % 4 == 3}
        for number in range(40)
    ]
    rows[8]["starter_code"] = "def f(a):"
    rows[11]["is_passed"] = None
    for number, row in enumerate(rows):
        row |= {"question_id": f"q{number // 4}", "response": "r" * 99, "verified": True}
    folder = tmp_path / "rStar-Coder"
    for name, part in (("seed_sft/data-00000-of-00002", rows[:20]), ("seed_sft/data-00001-of-00002", rows[20:])):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pa.Table.from_pylist(part), folder / f"{name}.parquet")
    (folder / "synthetic_sft").mkdir()
    parquet.write_table(pa.table({"question": ["not this one"]}), folder / "synthetic_sft/data.parquet")
    (folder / "README.md").write_text(CARD)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(hub_prompts, "_RSTAR", str(folder))
    return folder


def test_rstar_is_read_as_the_hub_lays_it_out(rstar):
    found = prompt_set.collect(Recipe(prompts="rstar"))
    assert (found.count, found.duplicates) == (10, 30)
    texts = [prompt.text for prompt in found]
    assert texts[0] == prompt_texts.render({"question_content": "Question 0?"}).user
    assert texts[2] == prompt_texts.render({"question_content": "Question 2?  ", "starter_code": "def f(a):"}).user
    passed = prompt_set.collect(Recipe(prompts="rstar:is_passed"))
    assert (passed.count, passed.duplicates) == (9, 0)
    assert [prompt.id for prompt in passed][:3] == ["rstar-3", "rstar-7", "rstar-15"]


def test_the_papers_prompts_are_counted_and_steps_are_said_in_epochs(rstar, tmp_path):
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "other"}')
    lines = []
    fields = {"prompts": "rstar:is_passed", "steps": 27, "batch_size_train": 3}
    plan = make_plan(str(folder), fields, tell=lines.append)
    assert "  9 different prompts in rstar:is_passed, where the paper counts 10,168" in lines
    assert "  27 steps are 9.0 epochs of 9 samples, if all are kept" in lines
    about = description(plan, plan.rounds[0], None)["prompts"]
    assert about["published"] == {"count": 10168, "found": 9, "equal": False}
    assert make_plan(str(folder), fields, tell=lines.append).prompts == plan.prompts  # remembered whole
    assert prompt_set.collect(Recipe(prompts="rstar:is_passed", prompt_limit=3)).published is None


@pytest.mark.parametrize("model", [name for preset in presets().values() for name in preset.models if "/" in name])
def test_all_presets_take_the_papers_prompts(model):
    assert resolve(model, {}).recipe.prompts == "rstar:is_passed"


def test_any_data_set_of_the_hub_takes_a_mapping(rstar):
    mapping = {"prompt_column": "question", "starter_column": "starter_code"}
    found = prompt_set.collect(Recipe(prompts=f"hub:{rstar}:seed_sft", **mapping))
    assert [prompt.text for prompt in found] == [prompt.text for prompt in prompt_set.collect(Recipe(prompts="rstar"))]
    assert prompt_set.collect(Recipe(prompts=f"hub:{rstar}:synthetic_sft")).count == 1


@pytest.mark.parametrize(
    ("prompts", "fields", "says"),
    [
        ("hub:{}:seed_sfx", {}, "seed_sfx"),
        ("hub:{}:seed_sft:test", {}, "test"),
        ("hub:{}/absent", {}, "cannot read the prompts"),
        ("hub:{}:seed_sft", {"prompt_column": "question.text"}, "row 1"),
    ],
)
def test_what_a_data_set_does_not_have_is_one_line(rstar, prompts, fields, says):
    with pytest.raises(SsdError) as error:
        prompt_set.collect(Recipe(prompts=prompts.format(rstar), **fields))
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("damage", [b"PAR1 broken", None])
def test_a_data_set_that_is_not_what_it_should_be_is_one_line(rstar, damage):
    import pyarrow as pa
    from pyarrow import parquet

    broken = rstar / "seed_sft/data-00001-of-00002.parquet"
    broken.write_bytes(damage) if damage else parquet.write_table(pa.table({"question": ["no code"]}), broken)
    with pytest.raises(InfrastructureError, match="cannot read the prompts"):
        prompt_set.collect(Recipe(prompts="rstar"))
