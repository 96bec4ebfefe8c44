"""What this machine lacks for training is said before anything is sampled, and only where something is to be trained."""

import importlib.util
import json

import pytest

pytest.importorskip("torch")

from ssd_harness.artifacts import registry
from ssd_harness.distill.planning import make_plan
from ssd_harness.engines import loading
from ssd_harness.errors import UsageError

pytestmark = pytest.mark.hf

QLORA = {"lora_rank": 4, "lora_quantize": "4bit"}
ZERO3 = {"gpus": 2, "sharding": "zero3", "batch_size_train": 4}


@pytest.fixture
def plan(state, tiny_model, tmp_path, monkeypatch):
    """Plan on a machine with such a device and without some packages."""
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(json.dumps({"prompt": "Add\ntwo."}))
    find_spec = importlib.util.find_spec

    def plan(device, without=(), **fields):
        monkeypatch.setattr(loading, "pick_device", lambda *_: device)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in without else find_spec(name))
        return make_plan(str(tiny_model), {"prompts": str(prompts), **fields}, tell=lambda _: None)

    return plan


@pytest.mark.parametrize(
    ("fields", "device", "says"),
    [
        (QLORA, "cuda", "lora_quantize=4bit needs bitsandbytes; pip install bitsandbytes"),
        (QLORA, "cpu", "lora_quantize=4bit needs bitsandbytes"),
        (QLORA, "mps", "lora_quantize=4bit needs a CUDA GPU or the CPU, not mps"),
        (ZERO3, "cuda", "sharding=zero3 needs DeepSpeed; pip install deepspeed"),
        (ZERO3, "cpu", "sharding=zero3 needs GPUs; on a CPU give sharding=fsdp2"),
    ],
)
def test_what_is_missing_is_one_line_before_anything_runs(plan, state, fields, device, says):
    with pytest.raises(UsageError) as error:
        plan(device, ("bitsandbytes", "deepspeed"), **fields)
    assert says in str(error.value)
    assert not (state / "training").exists()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"attention": "fast"}, "no attention is called 'fast'; choose one of: eager"),
        ({"lora_rank": 2, "lora_targets": "q_proj+q_porj"}, "no module called 'q_porj'"),
    ],
)
def test_names_that_only_training_would_miss_are_missed_before_sampling(plan, fields, says):
    with pytest.raises(UsageError) as error:
        plan("cpu", **fields)
    assert says in str(error.value)
    plan("cpu", lora_rank=2, lora_targets="q_proj+mlp.up_proj", attention="sdpa")


def test_what_is_made_already_is_used_on_a_machine_that_could_not_make_it(plan, tmp_path):
    pytest.importorskip("bitsandbytes")
    planned = plan("cpu", **QLORA)
    (tmp_path / "made").mkdir()
    registry.register("made", tmp_path / "made", {"fingerprint": planned.fingerprint, "recipe": {}, "rounds": []})
    assert plan("cpu", ("bitsandbytes",), **QLORA).checkpoint.name == "made"
