"""Nothing gets a name before plain transformers has loaded it whole and it gives the trainer's own logits."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl")

import torch
from distill.architectures import NAMES, save
from distill.train_families import train
from safetensors.torch import load_file, save_file

from ssd_harness.artifacts import registry
from ssd_harness.cli.main import main
from ssd_harness.distill.checkpoint_check import RECORD, Request, check, check_apart
from ssd_harness.engines import logits
from ssd_harness.errors import ExitCode, InfrastructureError

pytestmark = [
    pytest.mark.hf,
    # peft 0.21 asks transformers 5.24 by an old name.
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"),
]


def label(family, tied):
    return f"{family}-{'tied' if tied else 'untied'}"


IDS = [label(*name) for name in NAMES]


@pytest.fixture(scope="module")
def bases(tiny_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("families")
    for family, tied in NAMES:
        save(folder / label(family, tied), tiny_model, family, tied)
    return folder


@pytest.fixture(scope="module")
def sharded(bases):
    """All families trained by two processes with FSDP2, in one start of torchrun."""
    for name in IDS:
        (bases / f"{name}-fsdp2").mkdir()
    script = Path(__file__).with_name("train_families.py")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    done = subprocess.run([*launch, str(bases), *IDS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return bases


def weights(folder):
    return load_file(folder / "model.safetensors")


def request(folder, base, **changes):
    return Request(
        **{"folder": str(folder / "checkpoint"), "base": str(base), "record": str(folder / RECORD), **changes}
    )


def require_sound(folder, base, *, tied):
    """Require the base's very keys, other weights, and that the check finds them to be the trainer's."""
    before, after = weights(base), weights(folder / "checkpoint")
    assert before.keys() == after.keys()
    assert ("lm_head.weight" in after) is not tied
    assert any(not after[name].equal(tensor) for name, tensor in before.items())
    facts = check(request(folder, base))
    assert facts == {"dtype": "float32", "tied": tied, "logits_within": 1e-3}


@pytest.mark.parametrize(("family", "tied"), NAMES, ids=IDS)
def test_what_one_process_trained_loads_whole_and_gives_its_logits(bases, tmp_path, family, tied):
    base = bases / label(family, tied)
    train(base, tmp_path)
    require_sound(tmp_path, base, tied=tied)


@pytest.mark.parametrize(("family", "tied"), NAMES, ids=IDS)
def test_so_does_a_merged_adapter(bases, tmp_path, family, tied):
    base = bases / label(family, tied)
    train(base, tmp_path, lora_rank=2)
    require_sound(tmp_path, base, tied=tied)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "tied"), NAMES, ids=IDS)
def test_so_does_what_two_processes_shared(sharded, family, tied):
    name = label(family, tied)
    require_sound(sharded / f"{name}-fsdp2", sharded / name, tied=tied)


@pytest.mark.parametrize(("family", "tied"), NAMES, ids=IDS)
def test_so_does_an_imported_model_and_without_its_head_it_is_refused(state, bases, tmp_path, capfd, family, tied):
    base = bases / label(family, tied)
    theirs = shutil.copytree(base, tmp_path / "theirs")
    assert main(["import", str(theirs), "--name", "theirs", "--base", str(base)]) == ExitCode.DONE
    made = registry.get("theirs")
    assert made.manifest["checked"] == {"dtype": "float32", "tied": tied}
    assert weights(made.path).keys() == weights(base).keys()
    lost = "model.embed_tokens.weight" if tied else "lm_head.weight"
    kept = {name: tensor for name, tensor in weights(theirs).items() if name != lost}
    save_file(kept, theirs / "model.safetensors", metadata={"format": "pt"})
    assert main(["import", str(theirs), "--name", "headless", "--base", str(base)]) == ExitCode.INFRASTRUCTURE
    error = capfd.readouterr().err
    assert lost in error.rstrip().splitlines()[-1], error
    assert registry.lookup("headless") is None


@pytest.mark.parametrize("fields", [{}, {"lora_rank": 2}], ids=["all parameters", "adapter"])
def test_half_precision_is_compared_as_it_is_stored(tiny_model, tmp_path, fields):
    """The stored weights give the same logits exactly; adapters are rounded only once they are merged."""
    base = save(tmp_path / "base", tiny_model, "Qwen3Moe", tied=False, dtype=torch.bfloat16)
    train(base, tmp_path, **fields)
    assert check(request(tmp_path, base)) == {
        "dtype": "bfloat16",
        "tied": False,
        "logits_within": 0.1 if fields else 1e-3,
    }


@pytest.fixture(scope="module")
def trained(bases, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    train(bases / "Qwen3-untied", folder)
    return folder


def change(name, to):
    def spoil(folder):
        tensors = weights(folder)
        tensors |= {name: to(tensors.pop(name))} if to else {}
        tensors.pop(name, None) if to is None else None
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    return spoil


def add(folder):
    save_file(
        {**weights(folder), "model.extra.weight": torch.ones(2)},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )


def tie(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": True}))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (change("lm_head.weight", None), "1 weight is missing: lm_head.weight"),
        (add, "1 weight is unexpected: model.extra.weight"),
        (change("model.norm.weight", lambda tensor: tensor[:-1].clone()), "model.norm.weight"),
        (
            change("model.layers.1.mlp.up_proj.weight", lambda tensor: tensor * 1.1),
            "logits differ from the trainer's by",
        ),
        (change("model.norm.weight", lambda tensor: tensor * float("inf")), "logits are not finite"),
        (tie, "the weights hold an lm_head of their own"),
    ],
)
def test_what_is_not_the_trained_model_is_refused(bases, trained, tmp_path, spoil, says):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    spoil(tmp_path / "checkpoint")
    with pytest.raises(InfrastructureError, match=says.replace(".", r"\.")):
        check(request(tmp_path, bases / "Qwen3-untied"))


def test_another_setting_for_the_embeddings_than_the_bases_is_refused(bases, trained):
    with pytest.raises(InfrastructureError, match="false in the checkpoint and true in its base"):
        check(request(trained, bases / "Qwen3-tied"))


def test_a_process_of_its_own_finds_the_same_and_says_why_not(bases, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    base = bases / "Qwen3-untied"
    assert check_apart(request(trained, base)) == check(request(trained, base))
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    change("lm_head.weight", None)(tmp_path / "checkpoint")
    with pytest.raises(InfrastructureError, match=r"1 weight is missing: lm_head\.weight"):
        check_apart(request(tmp_path, base))


def test_weights_are_as_they_were_once_they_have_computed_in_float32(tiny_model, tmp_path):
    from transformers import AutoModelForCausalLM

    base = save(tmp_path / "base", tiny_model, "Gemma", tied=True, dtype=torch.bfloat16)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    (found,), precision = logits.precise_logits_of(model, [[5, 6, 7]], "cpu")
    assert precision == logits.EXACT
    after = model.state_dict()
    assert all(after[name].dtype == tensor.dtype and after[name].equal(tensor) for name, tensor in before.items())
    assert model.lm_head.weight is model.get_input_embeddings().weight
    (wanted,) = logits.logits_of(model.float(), [[5, 6, 7]], "cpu")
    assert logits.difference(found, wanted) < 1e-5
