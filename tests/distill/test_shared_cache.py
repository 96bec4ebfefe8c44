"""Two users on one cache, where one may only read: what is there is used, and more is refused in one line."""

import functools
import json
import shutil

import pytest

from ssd_harness.artifacts import registry
from ssd_harness.distill import pipeline
from ssd_harness.distill.planning import make_plan

pytestmark = pytest.mark.hf


def test_another_user_has_what_is_there_and_is_told_what_forbids_more(shared, as_nobody, tiny_model):
    shutil.copytree(tiny_model, shared / "tiny")
    base = shared / "tiny" / "model.safetensors"
    base.chmod(0o644)
    prompts = shared / "prompts.jsonl"
    prompts.write_text(json.dumps({"prompt": "Add\\ntwo."}))

    def planned(**fields):
        return make_plan(str(shared / "tiny"), {"prompts": str(prompts), **fields}, tell=lambda _: None)

    def made(**fields):
        return pipeline.run(planned(**fields)).name

    plan = planned()
    (shared / "work").mkdir()
    weights = shared / "work" / "model.safetensors"
    weights.write_bytes(b"weights")
    weights.chmod(0o600)  # as safetensors leaves them
    manifest = {"fingerprint": plan.fingerprint, "recipe": {}, "rounds": []}
    registry.register("made", shared / "work", manifest | {"prompts_file": plan.lineage().store(shared / "work")})
    before = {file: file.stat().st_mtime_ns for file in shared.rglob("*")}
    assert as_nobody(made) == "made"
    assert as_nobody((registry.get("made").path / "model.safetensors").read_bytes) == "b'weights'"
    first = shared / "first.jsonl"
    prompts.rename(first)
    prompts.write_text(json.dumps({"prompt": "Add\\nthree."}))
    before[first] = before[shared / "prompts.jsonl"]
    before[prompts] = prompts.stat().st_mtime_ns
    for other in ({}, {"prompts": str(first), "seed": 1}):
        said = as_nobody(functools.partial(made, **other))
        assert said.startswith("InfrastructureError: cannot write: Permission denied [")
        assert "get write permission from root, or set SSD_HARNESS_HOME to a folder of your own" in said
    assert {file: file.stat().st_mtime_ns for file in shared.rglob("*")} == before
    base.chmod(0o600)
    assert as_nobody(made) == f"InfrastructureError: cannot read the model: Permission denied [{base}]"
