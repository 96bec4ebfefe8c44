"""GPT-OSS: its weights are unpacked wherever they are loaded, and its template hears the reasoning effort."""

import json
import shutil

import pytest

pytest.importorskip("trl")

import torch

from ssd_harness.engines import loading
from ssd_harness.extensions.contracts import Prompt, Sample
from ssd_harness.recipe.resolution import resolve

pytestmark = pytest.mark.hf

# The sixteen values of E2M1, by their four bits.
E2M1 = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])
E2M1 = torch.cat([E2M1, -E2M1])
SMALL = {
    "prompts": "demo",
    "max_new_tokens_train": 8,
    "max_length_train": 64,
    "steps": 1,
    "batch_size_train": 2,
    "gradient_checkpointing": False,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def packed(tiny_model, tmp_path_factory):
    """A folder with a tiny GPT-OSS whose experts are MXFP4 blocks, and those experts as plain numbers."""
    from safetensors.torch import load_file, save_file
    from transformers import GptOssConfig, GptOssForCausalLM

    folder = tmp_path_factory.mktemp("models") / "gpt-oss"
    config = GptOssConfig(
        vocab_size=json.loads((tiny_model / "config.json").read_text())["vocab_size"],
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        num_local_experts=2,
        num_experts_per_tok=1,
        layer_types=["full_attention"],
        max_position_embeddings=131072,
        eos_token_id=2,
        pad_token_id=0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        GptOssForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
        weights, experts = load_file(folder / "model.safetensors"), {}
        for name in [name for name in weights if name.endswith(("gate_up_proj", "down_proj"))]:
            number, inside, outside = weights.pop(name).shape
            blocks = torch.randint(0, 256, (number, outside, inside // 32, 16), dtype=torch.uint8)
            scales = torch.randint(118, 124, (number, outside, inside // 32), dtype=torch.uint8)
            weights |= {f"{name}_blocks": blocks, f"{name}_scales": scales}
            values = torch.stack([E2M1[(blocks & 15).long()], E2M1[(blocks >> 4).long()]], dim=-1).flatten(-2)
            values = values * 2.0 ** (scales.float() - 127)[..., None]
            experts[name] = values.flatten(-2).transpose(1, 2)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    settings = json.loads((folder / "config.json").read_text())
    settings["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}
    (folder / "config.json").write_text(json.dumps(settings))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_model / name, folder / name)
    (folder / "chat_template.jinja").write_text(
        "{{ 'Reasoning: ' + reasoning_effort }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    )
    return folder, experts


@pytest.fixture(scope="module")
def recipe():
    resolved = resolve("openai/gpt-oss-20b", SMALL)
    assert resolved.origins["dequantize"] == resolved.origins["reasoning_effort"] == "preset gpt-oss-20b"
    return resolved.recipe


def unpacked(folder, dequantize):
    model = loading.load_model(folder, device="cpu", dtype=torch.float32, dequantize=dequantize)
    return dict(model.named_parameters())


def test_sampler_and_template_hear_what_the_recipe_says(packed, recipe):
    from ssd_harness.distill import engine_sampler

    folder, experts = packed
    sampler = engine_sampler.hf(folder, recipe)
    held = dict(sampler._engine.model.named_parameters())
    for name, wanted in experts.items():
        torch.testing.assert_close(held[name].float(), wanted)
    (sample,) = sampler.sample([Prompt("p", (("user", "Say hello."),))], seed=0)
    asked = loading.load_tokenizer(folder).decode(sample.prompt_ids)
    assert asked == "Reasoning: highSay hello."


def test_the_evaluation_hears_the_effort_too(packed, recipe):
    from types import SimpleNamespace

    from ssd_harness.harness import run_context
    from ssd_harness.harness.models.responder import Responder

    folder, _ = packed
    tokenizer = loading.load_tokenizer(folder)
    model = Responder(
        name="ssd-hf",
        engine=None,
        tokenizer=tokenizer,
        under_test=SimpleNamespace(recipe=recipe),
        context_length=100,
        encode=tokenizer.encode,
    )
    request = SimpleNamespace(task_name="t", doc_id=0)
    run_context.current().add_request(request, [{"role": "user", "content": "Hi"}])
    assert tokenizer.decode(model.prompt_ids(request, 8)) == "Reasoning: highHi"


def test_the_trainer_leaves_an_unpacked_checkpoint_that_loads_again(packed, recipe, tmp_path):
    from ssd_harness.distill.training import check_checkpoint
    from ssd_harness.plugins.trl.trainer import TrlTrainer

    folder, experts = packed
    samples = [Sample(f"p{n}", 0, (5, 6, 7), (8, 9, 10 + n, 2), "a\nb", "eos") for n in range(2)]
    TrlTrainer(folder, recipe).train(samples, tmp_path, lambda *_: None)
    made = tmp_path / "checkpoint"
    check_checkpoint(made)
    settings = json.loads((made / "config.json").read_text())
    assert "quantization_config" not in settings
    # A later round, or an evaluation, loads it with the same recipe; there is nothing left to unpack.
    again, plain = unpacked(made, dequantize=True), unpacked(made, dequantize=False)
    assert all(torch.equal(again[name], plain[name]) for name in plain)
    for name, before in experts.items():
        # One step at the recipe's learning rate, stored in the base model's precision, moves hardly anything.
        assert (plain[name] - before).abs().max() < 1e-2
