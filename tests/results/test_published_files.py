"""The files that other programs read are what docs/schemas says: real output of a small run is validated."""

import dataclasses
import json
from pathlib import Path

import pytest

import ssd_harness
from ssd_harness.judge.verdicts import ProgramVerdict, Verdict
from ssd_harness.recipe.definition import FIELDS, Recipe

Draft202012Validator = pytest.importorskip("jsonschema", reason="needs the extra 'test'").Draft202012Validator
SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
TASK = "livecodebench_mini"


def read(path):
    return json.loads(path.read_text("utf-8"))


def complaints(schema, value):
    """Return what the published schema says against a value."""
    errors = Draft202012Validator(read(SCHEMAS / f"{schema}.json")).iter_errors(value)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in errors]


@pytest.mark.parametrize("file", sorted(SCHEMAS.glob("*.json")), ids=lambda file: file.stem)
def test_each_schema_is_one(file):
    Draft202012Validator.check_schema(read(file))
    assert read(file)["$id"] == file.name


def test_every_recipe_field_is_in_the_schema_with_its_meaning():
    schema = read(SCHEMAS / "recipe.v1.json")
    assert {name: field["description"] for name, field in schema["properties"].items()} == {
        name: field.metadata["meaning"] for name, field in FIELDS.items()
    }
    assert complaints("recipe.v1", json.loads(json.dumps(dataclasses.asdict(Recipe())))) == []
    for bad in ({"n_train": 0}, {"engine": "other"}, {"top_p_train": 0}, {"T_trian": 1}, {"lora_quantize": "8bit"}):
        assert len(complaints("recipe.v1", bad)) == 1


def test_a_schema_refuses_another_version_and_a_missing_field():
    row = ProgramVerdict("q", 0, Verdict.AC).as_row()
    assert complaints("verdict.v1", row) == []
    for wrong in ({"schema_version": 2}, {"verdict": "OK"}, {"passed": "yes"}, {"peak": -1}):
        assert len(complaints("verdict.v1", {**row, **wrong})) == 1
    del row["verdict"]
    assert complaints("verdict.v1", row) == [": 'verdict' is a required property"]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Put the embedded model through everything once, as small as can be, in a folder of its own."""
    folder = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSD_HARNESS_HOME", str(folder / "home"))
        patch.chdir(folder)
        checkpoint = ssd_harness.distill("demo", prompt_limit=8, max_new_tokens_train=16, steps=1, name="small")
        options = {"limit": 2, "metadata": {"repeats": 1}, "model_args": {"max_gen_toks_eval": 64}}
        for name, model in (("base", "demo"), ("ssd", "ssd:small")):
            ssd_harness.evaluate(model, TASK, output_path=name, **options)
        samples = [{"question_id": "mini_tally_1", "code": code} for code in ("print(input())", "print(42)", "")]
        ssd_harness.score(samples, task=TASK, out="scored")
        comparison = ssd_harness.compare({"base": "base", "ssd": "ssd"})
        (folder / "comparison.json").write_text(json.dumps(comparison.as_fields()))
        yield folder, checkpoint


@pytest.mark.docker
@pytest.mark.hf
@pytest.mark.slow
class TestRealOutput:
    def test_a_checkpoints_manifest(self, written):
        _, checkpoint = written
        manifest = read(checkpoint.path / "ssd_manifest.json")
        assert complaints("checkpoint-manifest.v1", manifest) == []
        assert manifest["schema_version"] == 1
        assert complaints("recipe.v1", manifest["recipe"]) == []

    def test_a_scores_files(self, written):
        folder, _ = written
        summary = read(folder / "scored" / "summary.json")
        assert complaints("summary.v1", summary) == []
        rows = [json.loads(line) for line in (folder / "scored" / "verdicts.jsonl").read_text("utf-8").splitlines()]
        assert [complaints("verdict.v1", row) for row in rows] == [[], [], []]

    def test_a_comparison(self, written):
        folder, _ = written
        comparison = read(folder / "comparison.json")
        assert complaints("comparison.v1", comparison) == []
        assert [run["name"] for run in comparison["runs"]] == ["base", "ssd"]

    @pytest.mark.parametrize("name", ["base", "ssd"])
    def test_what_is_added_to_lm_evals_results(self, written, name):
        folder, _ = written
        (file,) = (folder / name).rglob("results_*.json")
        results = read(file)
        assert complaints("model-notes.v1", results["config"]["ssd"]) == []
        assert complaints("task-notes.v1", results["configs"][TASK]["metadata"]["ssd_harness"]) == []
        (file,) = (folder / name).rglob("samples_*.jsonl")
        for line in file.read_text("utf-8").splitlines():
            for row in json.loads(line)["filtered_resps"][0]:
                assert complaints("verdict.v1", json.loads(row) if isinstance(row, str) else row) == []
