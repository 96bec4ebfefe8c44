"""Several processes on one stage: on a CPU here, on a GPU each elsewhere."""

import json
import os
import shutil
import signal
import time

import pytest

pytest.importorskip("trl")

from ssd_harness.artifacts import shards

pytestmark = [pytest.mark.hf, pytest.mark.slow]

# What one process's batch differs by from two processes' half batches: the order of a sum.
TOLERANCE = 1e-6


def apart(one, other):
    assert one.keys() == other.keys()
    return max((other[name] - tensor).abs().max() for name, tensor in one.items())


def test_two_processes_make_what_one_makes_and_a_killed_one_ends_both(whole, distiller, until, stages_of):
    home = distiller.folder / "shared"
    fields = {"gpus": 2, "sharding": "none", "save_steps": 1}
    process = distiller.start("shared", **fields)
    until(lambda: process.poll() is not None or list(home.glob("training/*/state/checkpoint-[3-9]/COMPLETE")))
    (second,) = stages_of(home, rank=1)
    os.kill(second, signal.SIGKILL)
    started = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - started < 30
    assert process.returncode == 3
    last = err.rstrip().splitlines()[-1]
    assert "process 1 of 2 was ended by SIGKILL" in last
    assert "log.txt" in last
    assert not list(home.glob("models/*"))
    until(lambda: not stages_of(home))
    assert distiller.samples("shared") == distiller.samples("whole")

    code, _, err = distiller.run("shared", **fields)
    assert code == 0, err
    assert distiller.checkpoint("shared").name == distiller.checkpoint("whole").name  # and so its fingerprint
    trained, alone = (shards.read_manifest(distiller.stage(name, "train")) for name in ("shared", "whole"))
    assert trained["resumed_from"]
    assert (trained["processes"], trained["micro_batch_size"]) == (2, 2)
    assert trained["losses"] == pytest.approx(alone["losses"], abs=1e-5)
    assert apart(distiller.weights("shared"), distiller.weights("whole")) <= TOLERANCE


def test_sharded_by_fsdp2_it_makes_the_same(whole, distiller):
    """What gpus= does unless told otherwise, with the settings shipped for 8 GPUs, on two CPU processes."""
    shutil.copytree(distiller.folder / "whole", distiller.folder / "sharded")
    shutil.rmtree(distiller.folder / "sharded" / "models")
    shutil.rmtree(distiller.folder / "sharded" / "checkpoints")
    shutil.rmtree(distiller.stage("sharded", "train"))
    fields = {"gpus": 2, "packing": True, "gradient_checkpointing": True, "micro_batch_size": 1}
    code, _, err = distiller.run("sharded", **fields)
    assert code == 0, err
    assert "2 processes sample and train, sharding fsdp2" in err
    assert "sample:" not in err
    assert shards.read_manifest(distiller.stage("sharded", "train"))["sharding"] == "fsdp2"
    assert apart(distiller.weights("sharded"), distiller.weights("whole")) <= TOLERANCE
    config = json.loads((distiller.checkpoint("sharded") / "config.json").read_text())
    assert config == json.loads((distiller.model / "config.json").read_text())


def test_a_fault_in_several_processes_is_said_once(distiller, plugin):
    code, _, err = distiller.run("crowd", plugin, sampler="crashing", gpus=2)
    assert code == 3
    assert r"the sample stage failed: RuntimeError: out of \x1b[31mluck" in err.rstrip().splitlines()[-1]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"gpus": 3}, "batch_size_train=4 is not a multiple of gpus=3"),
        ({"gpus": 2, "trainer": "copying"}, "the trainer 'copying' works in one process"),
        ({"sharding": "fsdp2"}, "needs several processes"),
        ({"sharding": "zero3", "gpus": 2}, "sharding=zero3 needs GPUs"),
        ({"lora_quantize": "4bit"}, "give lora_rank="),
        ({"lora_quantize": "4bit", "lora_rank": 4, "gpus": 2, "sharding": "fsdp2"}, "does not go with sharding=fsdp2"),
        ({"lora_quantize": "4bit", "lora_rank": 4, "dequantize": "true"}, "does not go with dequantize=True"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(distiller, plugin, fields, says):
    code, _, err = distiller.run("refused", plugin, **fields)
    assert code == 2
    assert says in err.rstrip().splitlines()[-1]
    assert not (distiller.folder / "refused" / "training").exists()
