import json

import pytest

pytest.importorskip("trl")

pytestmark = [pytest.mark.hf, pytest.mark.slow, pytest.mark.docker]


def test_rounds_are_evaluated_and_stopped_and_the_task_of_the_choice_is_named(command, tiny_model, docker_sandbox):
    fields = ["rounds=4", "round_task=livecodebench_mini", "round_limit=2", "patience=1", "name=evolved", "device=cpu"]
    fields += ["steps=3"]  # no other test of this session may find its checkpoints
    evaluation = ["--tasks", "livecodebench_mini", "--limit", "2", "--batch_size", "3"]
    model_args = ",".join([f"pretrained={tiny_model}", *command.quick, *fields, "max_length=900"])
    _, said = command("eval", "--model", "ssd-hf", "--model_args", model_args, *evaluation)
    # A trainer that changes nothing gains nothing: the first round is kept after the second.
    assert "it is chosen on livecodebench_mini" in said.partition("evaluating the base")[0]
    assert "ssd:evolved is round 1 of 2, chosen on livecodebench_mini by pass@1; stopped after 2 of 4" in said
    models = command.home / "models"
    assert {folder.name for folder in models.glob("evolved*")} == {"evolved-r1", "evolved-r2", "evolved"}
    manifest = json.loads((models / "evolved" / "ssd_manifest.json").read_text())
    choice = manifest["round_choice"]
    assert choice["chosen"] == 1
    assert [score["round"] for score in (choice["base"], *choice["rounds"])] == [0, 1, 2]
    for score in (choice["base"], *choice["rounds"]):
        (results,) = (command.folder / score["folder"]).rglob("results_*.json")
        results = json.loads(results.read_text())
        assert results["results"]["livecodebench_mini"]["pass@1,none"] == score["value"]
        # Rounds are evaluated as the result will be.
        assert results["config"]["model_args"]["max_length"] == 900
        assert results["config"]["batch_size"] == "3"
    kept, first = ((models / name / "model.safetensors").stat().st_ino for name in ("evolved", "evolved-r1"))
    assert kept == first

    before = sorted((command.home / "runs").rglob("*"))
    out, said = command("distill", tiny_model, *command.quick, *fields)
    assert out.startswith("ssd:evolved ")
    assert "exists, nothing to do" in said
    assert sorted((command.home / "runs").rglob("*")) == before
