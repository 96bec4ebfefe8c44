"""The loss of a whole optimiser step, in each way that it is computed, against a plain mean of cross-entropies."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl")

import torch
from distill.train_families import FIELDS
from safetensors.torch import load_file

from ssd_harness.extensions.contracts import Sample
from ssd_harness.plugins.trl import completion_trainer
from ssd_harness.plugins.trl.trainer import TrlTrainer
from ssd_harness.recipe.definition import Recipe

pytestmark = pytest.mark.hf

# Short and long completions: what the weighting is about.
SAMPLES = [
    Sample(f"p{k}", 0, tuple(range(5, 8 + k)), tuple((11 * k + n) % 200 + 20 for n in range(length)), "", "eos")
    for k, length in enumerate((3, 40, 11, 90))
]
ONE_STEP = {**FIELDS, "steps": 1, "lr": 1e-3, "min_lr": 1e-4, "max_length_train": 512}


def means(folder, samples):
    """Return the step's mean over its tokens, and the mean of its sequences' means, as plain transformers has them."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    sums, counts = [], []
    for one in samples:
        start = len(one.prompt_ids)
        row = torch.tensor([[*one.prompt_ids, *one.token_ids]])
        with torch.no_grad():
            logits = model(row).logits[0, start - 1 : -1]
        sums.append(torch.nn.functional.cross_entropy(logits, row[0, start:], reduction="sum").item())
        counts.append(len(one.token_ids))
    each = [total / count for total, count in zip(sums, counts, strict=True)]
    return {"token": sum(sums) / sum(counts), "sequence": sum(each) / len(each)}


def train(base, folder, samples=SAMPLES, **fields):
    folder.mkdir()
    report = TrlTrainer(base, Recipe(**{**ONE_STEP, **fields})).train(samples, folder, lambda *_, **__: None)
    return report["losses"], load_file(folder / "checkpoint" / "model.safetensors")


def in_tiles(monkeypatch):
    monkeypatch.setattr(completion_trainer, "_LOGIT_BYTES", 0)


def apart(one, other):
    return max(float((one[name] - other[name]).abs().max()) for name in one)


@pytest.mark.parametrize("weighting", ["token", "sequence"])
def test_every_way_to_compute_it_gives_the_plain_mean_and_the_same_step(tiny_model, tmp_path, monkeypatch, weighting):
    wanted = means(tiny_model, SAMPLES)
    assert abs(wanted["token"] - wanted["sequence"]) > 0.02  # or the test would not tell them apart
    made = {}
    for tiled in (False, True):
        if tiled:
            in_tiles(monkeypatch)
        for micro, packing in ((4, False), (1, False), (4, True), (2, True)):
            name = f"{tiled}-{micro}-{packing}"
            fields = {"micro_batch_size": micro, "packing": packing, "loss_weighting": weighting}
            losses, made[name] = train(tiny_model, tmp_path / name, **fields)
            assert losses == pytest.approx([wanted[weighting]], rel=1e-6), name
    first = next(iter(made.values()))
    # AdamW's first step is about the sign of a gradient: one of nearly nothing may go either way.
    assert max(apart(first, one) for one in made.values()) < 1e-5


def test_the_two_weightings_make_different_models(tiny_model, tmp_path):
    _, token = train(tiny_model, tmp_path / "token")
    _, sequence = train(tiny_model, tmp_path / "sequence", loss_weighting="sequence")
    assert apart(token, sequence) > 1e-4


@pytest.fixture(scope="module")
def wide(tiny_model, tmp_path_factory):
    """A model with the vocabulary of real ones, and rows so long that TRL's fused head computes their loss."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    folder = tmp_path_factory.mktemp("wide") / "base"
    torch.manual_seed(0)
    shape = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "head_dim": 4, "initializer_range": 0.5}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "tie_word_embeddings": False}
    config = Qwen3Config(vocab_size=151_936, max_position_embeddings=1024, **shape, **heads)
    Qwen3ForCausalLM(config).save_pretrained(folder)
    for file in tiny_model.iterdir():
        if file.name.startswith(("tokenizer", "chat_template")):
            shutil.copy(file, folder)
    return folder


LONG = [
    Sample(f"p{k}", 0, tuple(range(5, 15)), tuple((997 * n + k) % 151_000 for n in range(length)), "", "eos")
    for k, length in enumerate((440, 7, 60, 200))
]


@pytest.mark.slow
@pytest.mark.parametrize(("micro", "weighting"), [(1, "token"), (4, "token"), (4, "sequence")])
def test_at_real_size_the_fused_head_gives_the_plain_mean(wide, tmp_path, monkeypatch, micro, weighting):
    """450 tokens at 151,936 logits each are more than all logits may take."""
    monkeypatch.setattr(
        completion_trainer.CompletionTrainer, "_losses_of_all_logits", lambda *_: pytest.fail("it took all logits")
    )
    fields = {"micro_batch_size": micro, "loss_weighting": weighting}
    losses, _ = train(wide, tmp_path / "made", LONG, **fields)
    assert losses == pytest.approx([means(wide, LONG)[weighting]], rel=1e-6)


@pytest.mark.slow
def test_two_processes_that_share_the_model_give_it_too(wide, tmp_path):
    script = Path(__file__).with_name("train_long.py")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    wanted = means(wide, LONG)
    for weighting in wanted:
        (tmp_path / weighting).mkdir()
    done = subprocess.run([*launch, str(wide), str(tmp_path), *wanted], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    for weighting, mean in wanted.items():
        losses = json.loads((tmp_path / weighting / "losses.json").read_text())
        assert losses == pytest.approx([mean], rel=1e-6), weighting
