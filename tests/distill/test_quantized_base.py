"""A quantised base is unpacked and trained, or refused, before anything is sampled."""

import json
import shutil

import pytest

pytest.importorskip("trl")

import torch
from distill.train_families import train
from safetensors.torch import load_file, save_file

from ssd_harness.artifacts import registry
from ssd_harness.cli.main import main
from ssd_harness.distill.checkpoint_check import RECORD, Request, check
from ssd_harness.engines import loading
from ssd_harness.errors import ExitCode, InfrastructureError

pytestmark = [
    pytest.mark.hf,
    # peft 0.21 asks transformers 5.24 by an old name.
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"),
]
BLOCK = 16


def quantized_by_bitsandbytes(source, folder, **how):
    pytest.importorskip("bitsandbytes")
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    settings = BitsAndBytesConfig(bnb_4bit_compute_dtype=torch.float32, bnb_4bit_quant_type="nf4", **how)
    model = AutoModelForCausalLM.from_pretrained(source, quantization_config=settings, dtype=torch.float32)
    model.save_pretrained(folder)


def quantized_to_fp8(source, folder):
    """Write each linear layer as 8-bit floats, with a scale for each block of 16 x 16."""
    folder.mkdir()
    tensors = {}
    for name, tensor in load_file(source / "model.safetensors").items():
        if "proj" not in name:
            tensors[name] = tensor
            continue
        rows, columns = tensor.shape
        blocks = tensor.view(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)
        scales = blocks.abs().amax(dim=(1, 3)) / 448
        packed = (blocks / scales[:, None, :, None]).view(rows, columns).to(torch.float8_e4m3fn)
        tensors |= {name: packed, f"{name}_scale_inv": scales}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((source / "config.json").read_text())
    settings = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [BLOCK, BLOCK]}
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": settings}))


WAYS = {
    "bnb4": lambda source, folder: quantized_by_bitsandbytes(source, folder, load_in_4bit=True),
    "bnb8": lambda source, folder: quantized_by_bitsandbytes(source, folder, load_in_8bit=True),
    "fp8": quantized_to_fp8,
}


@pytest.fixture(scope="module")
def plain(tiny_vllm_model):
    """A model of layers at least 64 wide: bitsandbytes 0.50 unpacks narrower ones wrongly on a CPU."""
    return tiny_vllm_model


@pytest.fixture(scope="module")
def quantized(plain, tmp_path_factory):
    """Return the folder of the plain model quantised one way or another."""
    place = tmp_path_factory.mktemp("quantized")

    def folder_of(way):
        folder = place / way
        if not folder.exists():
            WAYS[way](plain, folder)
            for file in plain.iterdir():
                if file.name.startswith(("tokenizer", "chat_template", "generation_config")):
                    shutil.copy(file, folder)
        return folder

    return folder_of


def unpacked(folder):
    model = loading.load_model(folder, device="cpu", dtype=torch.float32, dequantize=True)
    return {name: tensor.detach() for name, tensor in model.named_parameters()}


@pytest.mark.parametrize("way", WAYS)
def test_its_weights_are_unpacked_to_about_what_they_were(quantized, plain, way):
    before, found = load_file(plain / "model.safetensors"), unpacked(quantized(way))
    assert before.keys() == found.keys()
    apart = max(float((found[name] - before[name]).norm() / before[name].norm()) for name in found)
    assert 0 < apart < (0.15 if way == "bnb4" else 0.05)


TRAININGS = [(way, fields) for way in WAYS for fields in ({}, {"lora_rank": 2})]


@pytest.mark.parametrize(("way", "fields"), [*TRAININGS, ("bnb4", {"lora_rank": 2, "lora_quantize": "4bit"})])
def test_what_is_trained_on_it_is_stored_unpacked_and_loads_whole(quantized, tmp_path, way, fields):
    base = quantized(way)
    train(base, tmp_path, dequantize=True, **fields)
    made = tmp_path / "checkpoint"
    assert "quantization_config" not in json.loads((made / "config.json").read_text())
    assert check(Request(str(made), str(base), str(tmp_path / RECORD)))["logits_within"] == 1e-3
    before, after = unpacked(base), load_file(made / "model.safetensors")
    assert before.keys() == after.keys()
    moved = [name for name, tensor in before.items() if not after[name].equal(tensor)]
    assert moved
    # Two steps at this learning rate move a weight by that much; adapters begin at nothing.
    assert max((after[name] - before[name]).abs().max() for name in moved) < 0.05


WORDS = ["filter=none", "max_new_tokens_train=4", "steps=1", "batch_size_train=2", "max_length_train=64"]


def distill(folder, tmp_path, *more):
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"prompt": f"Count to {k}."}) + "\n" for k in range(2)))
    return main(["distill", str(folder), f"prompts={prompts}", *WORDS, *more])


def test_the_plan_says_so_and_a_run_registers_plain_weights(state, quantized, tmp_path, capfd):
    said = "the base is quantised (bitsandbytes): its unpacked weights are trained, and stored unquantised"
    assert distill(quantized("bnb4"), tmp_path, "--dry-run") == ExitCode.DONE
    assert said in capfd.readouterr().err
    assert distill(quantized("bnb4"), tmp_path, "name=plain") == ExitCode.DONE
    made = registry.get("plain")
    assert made.manifest["origins"]["dequantize"] == "the base is quantised (bitsandbytes)"
    assert made.manifest["rounds"][0]["train"]["checked"]["logits_within"] == 1e-3


@pytest.mark.parametrize(
    ("settings", "more", "says"),
    [
        ({"quant_method": "awq", "bits": 4}, [], "quantised (awq), and transformers cannot unpack it"),
        ({"quant_method": "awq", "bits": 4}, ["lora_rank=4"], "quantised (awq), and transformers cannot unpack it"),
        ({"quant_method": "gptq", "bits": 4}, [], "quantised (gptq), and transformers cannot unpack it"),
        ({"bits": 4}, [], "quantised (an unknown method)"),
        ({"quant_method": "fp8"}, ["lora_rank=4", "lora_quantize=4bit"], "quantised already (fp8)"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sampled(state, tiny_model, tmp_path, capfd, settings, more, says):
    folder = shutil.copytree(tiny_model, tmp_path / "base")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": settings}))
    for run in (["--dry-run"], []):
        assert distill(folder, tmp_path, *more, *run) == ExitCode.USAGE
        assert says in capfd.readouterr().err.rstrip().splitlines()[-1]
    assert not (state / "training").exists()


def test_a_missing_package_is_named(state, quantized, tmp_path, monkeypatch, capfd):
    folder = quantized("bnb4")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert distill(folder, tmp_path) == ExitCode.USAGE
    assert "needs bitsandbytes" in capfd.readouterr().err.rstrip().splitlines()[-1]


def test_a_base_that_lacks_weights_is_not_sampled_from(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "base")
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InfrastructureError, match=r"1 weight is missing: model\.layers\.1\.mlp\.up_proj\.weight"):
        loading.load_model(folder, device="cpu", dtype=torch.float32)
