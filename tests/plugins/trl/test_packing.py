import pytest

pytest.importorskip("trl")

import torch

from ssd_harness.distill.training_row import IGNORED
from ssd_harness.errors import UsageError
from ssd_harness.extensions.contracts import Sample
from ssd_harness.plugins.trl.packing import check_packing
from ssd_harness.plugins.trl.rows import Packed, Padded, training_order
from ssd_harness.plugins.trl.trainer import TrlTrainer
from ssd_harness.recipe.definition import Recipe

pytestmark = pytest.mark.hf

ROWS = [
    {"input_ids": [1, 80, 81, 90, 91, 92, 2], "labels": [IGNORED] * 3 + [90, 91, 92, 2]},
    {"input_ids": [1, 100, 101], "labels": [IGNORED] * 2 + [101]},
    {"input_ids": [1, 85, 110, 1, 110, 0, 2, 44], "labels": [IGNORED] * 2 + [110, 1, 110, 0, 2, 44]},
]


@pytest.fixture(params=["sdpa", "eager"])
def model(request, tiny_model):
    from transformers import Qwen3ForCausalLM

    # In double precision nothing but the mathematics can differ.
    return Qwen3ForCausalLM.from_pretrained(tiny_model, dtype=torch.float64, attn_implementation=request.param).train()


# Eager attention takes its softmax in single precision.
TOLERANCE = {"sdpa": 1e-12, "eager": 1e-5}


def losses_and_gradients(model, batch):
    """Summed loss of each label [rows, columns], and the gradient of their sum."""
    labels = batch.pop("labels")
    logits = model(**batch, use_cache=False).logits[:, :-1]
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="none"
    )
    model.zero_grad()
    losses.sum().backward()
    return losses[losses != 0].detach(), {name: p.grad.clone() for name, p in model.named_parameters()}


@pytest.mark.parametrize("batch", [Packed(), Padded(0)])
def test_loss_and_gradient_of_a_batch_are_those_of_its_rows_alone(model, batch):
    alone = [losses_and_gradients(model, Padded(0)([row])) for row in ROWS]
    allowed = TOLERANCE[model.config._attn_implementation]
    together, gradients = losses_and_gradients(model, batch(ROWS))
    assert torch.cat([losses for losses, _ in alone]).allclose(together, rtol=0, atol=allowed)
    for name, gradient in gradients.items():
        assert sum(each[name] for _, each in alone).allclose(gradient, rtol=0, atol=10 * allowed), name


def test_positions_restart_and_nothing_before_a_sequence_reaches_it(model):
    batch = Packed()(ROWS)
    assert batch["position_ids"].tolist() == [[*range(7), *range(3), *range(8)]]
    assert "attention_mask" not in batch
    other = Packed()([{**ROWS[0], "input_ids": [5] * 7}, *ROWS[1:]])
    with torch.no_grad():
        logits, changed = (
            model(input_ids=each["input_ids"], position_ids=each["position_ids"], use_cache=False).logits[0]
            for each in (batch, other)
        )
    assert logits[7:].equal(changed[7:])
    assert not logits[:7].equal(changed[:7])
    check_packing(model)
    assert model.training


def test_an_attention_that_crosses_is_refused_before_the_first_step(tiny_model, tmp_path, monkeypatch):
    from transformers import AttentionInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    def careless(module, query, key, value, attention_mask, **options):
        return sdpa_attention_forward(module, query, key, value, None, **{**options, "is_causal": True})

    monkeypatch.setitem(AttentionInterface._global_mapping, "careless", careless)  # register, but for this test alone
    recipe = Recipe(steps=1, batch_size_train=2, packing=True, attention="careless", device="cpu")
    samples = [Sample(str(k), 0, (1, 80), (90, 91, k), "", "length") for k in range(2)]
    with pytest.raises(UsageError, match="attention 'careless' attends across"):
        TrlTrainer(tiny_model, recipe).train(samples, tmp_path, lambda *_: None)
    assert not (tmp_path / "checkpoint").exists()


def test_packing_and_recomputation_change_nothing_in_the_weights(tiny_model, tmp_path):
    from safetensors.torch import load_file

    samples = [Sample(str(k), 0, (1, 80, k), tuple(range(90, 95 + 3 * k)), "", "length") for k in range(10)]

    def weights(name, **fields):
        recipe = Recipe(steps=4, batch_size_train=4, lr=1e-3, warmup_steps=0, device="cpu", **fields)
        (tmp_path / name).mkdir()
        TrlTrainer(tiny_model, recipe).train(samples, tmp_path / name, lambda *_: None)
        return load_file(tmp_path / name / "checkpoint" / "model.safetensors")

    plain = weights("plain")
    packed = weights("packed", packing=True, gradient_checkpointing=True)
    for name, tensor in plain.items():
        assert (packed[name] - tensor).abs().max() < 1e-6, name


def test_each_pass_over_the_rows_has_an_order_of_its_own():
    order = training_order(10, 25, seed=3).tolist()
    assert sorted(order[:10]) == sorted(order[10:20]) == list(range(10))
    assert len(set(order[20:])) == 5
    assert order[:10] != order[10:20] != list(range(10))
    assert training_order(10, 12, seed=3).tolist() == order[:12]
    assert training_order(10, 25, seed=4).tolist() != order
