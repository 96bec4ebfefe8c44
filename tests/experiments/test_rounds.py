import csv
import json

import pytest

pytest.importorskip("trl")

pytestmark = [pytest.mark.hf, pytest.mark.slow, pytest.mark.docker]


def test_every_round_is_registered_and_a_sweep_evaluates_each(command, tiny_model, docker_sandbox):
    fields = [*command.quick, "steps=3", "device=cpu"]  # no other test of this session may find its checkpoints
    _, screen = command("distill", tiny_model, *fields, "rounds=2", "name=evolved")
    assert "2 rounds, each sampling from the checkpoint of the round before" in screen
    models = command.home / "models"
    assert {folder.name for folder in models.glob("evolved*")} == {"evolved-r1", "evolved-r2", "evolved"}
    last, result = ((models / name / "model.safetensors").stat().st_ino for name in ("evolved-r2", "evolved"))
    assert last == result
    manifest = json.loads((models / "evolved" / "ssd_manifest.json").read_text())
    assert len(manifest["rounds"]) == 2

    trained = sorted((command.home / "training").glob("*"))
    command(
        "sweep", tiny_model, *fields, "--tasks", "livecodebench_mini", "--limit", "2",
        "--axis", "rounds=0,1,2", "--out", command.folder / "rounds",
    )  # fmt: skip
    assert sorted((command.home / "training").glob("*")) == trained
    rows = list(csv.DictReader((command.folder / "rounds" / "table.csv").open()))
    assert [row["model"] for row in rows] == ["base", "ssd", "ssd"]
