"""The examples of docs/how-to/python.md run in order, and their results are what the page promises."""

import re
from pathlib import Path

import pytest

import ssd_harness

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "python.md"

pytestmark = [pytest.mark.docker, pytest.mark.hf, pytest.mark.slow]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Run every example of the page in one namespace, in an empty folder with a state folder of its own."""
    folder = tmp_path_factory.mktemp("page")
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSD_HARNESS_HOME", str(folder / "home"))
        patch.delenv("SSD_LCB_DATA", raising=False)
        patch.chdir(folder)
        for number, example in enumerate(examples, 1):
            exec(compile(example, f"{PAGE.name}, example {number}", "exec"), names)
        yield names


def test_distill_returns_the_registered_checkpoint(page):
    checkpoint = page["checkpoint"]
    assert isinstance(checkpoint, ssd_harness.Checkpoint)
    assert checkpoint.name == "tutorial"
    assert (checkpoint.path / "model.safetensors").is_file()
    assert checkpoint.manifest["recipe"]["steps"] == 2
    again = ssd_harness.distill("demo", prompt_limit=16, max_new_tokens_train=32, steps=2)
    assert (again.name, again.fingerprint) == (checkpoint.name, checkpoint.fingerprint)


def test_a_recipe_replaces_the_preset_and_fields_override_it(page):
    recipe = page["control"].manifest["recipe"]
    assert (recipe["T_train"], recipe["top_k_train"], recipe["filter"]) == (1.0, None, "none")
    assert recipe["lr"] == ssd_harness.Recipe().lr  # the demo's preset has another one


def test_evaluate_returns_the_results_of_lm_eval_and_writes_its_files(page):
    for name in ("base", "ssd"):
        results = page[name]
        figures = results["results"]["livecodebench_mini"]
        assert 0 <= figures["pass@1,none"] <= figures["pass@5,none"] <= 1
        samples = results["samples"]["livecodebench_mini"]
        assert [len(sample["filtered_resps"][0]) for sample in samples] == [5] * 4
        assert len(list(Path("OUT", name).rglob("results_*.json"))) == 1
        assert len(list(Path("OUT", name).rglob("samples_livecodebench_mini_*.jsonl"))) == 1
    assert "fingerprint" not in page["base"]["config"]["ssd"] or not page["base"]["config"]["ssd"]["fingerprint"]
    assert page["ssd"]["config"]["ssd"]["fingerprint"] == page["checkpoint"].fingerprint


def test_compare_returns_paired_intervals(page):
    comparison = page["comparison"]
    assert [row.name for row in comparison.rows] == ["base", "ssd"]
    for name in ("base", "ssd"):
        expected = page[name]["results"]["livecodebench_mini"]["pass@1,none"]
        assert comparison[name].pass_at[1].mean == pytest.approx(expected)
    assert page["difference"].low <= page["difference"].mean <= page["difference"].high
    assert page["difference"].problems == 4
    assert "Δ pass@1" in str(comparison)


def test_results_in_memory_compare_like_their_files(page):
    in_memory = ssd_harness.compare({"base": page["base"], "ssd": page["ssd"]})
    assert in_memory.as_fields() == page["comparison"].as_fields()
    scores = ssd_harness.compare({"scores": page["scores"]})
    assert scores["scores"].pass_at[1].mean == page["scores"].pass_at[1]
    assert scores["scores"].by_difficulty == {page["scores"].rows[0]["difficulty"]: 0.0}


def test_score_returns_verdicts_in_order(page):
    assert [(verdict.question_id, verdict.sample) for verdict in page["scores"].verdicts] == [
        ("mini_tally_1", 0),
        ("mini_tally_1", 1),
    ]
    assert page["scores"].pass_at == {1: 0.0}
    assert page["scores"].summary["all"]["samples"] == 2


def test_the_error_names_the_nearest_field(page):
    with pytest.raises(ssd_harness.UsageError, match="T_train") as raised:
        ssd_harness.distill("demo", T_trian=1.2)
    assert raised.value.exit_code == 2
