"""The memory estimate against what a small training takes, and against what a hand reckons for the paper's models."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ssd_harness.estimates import device_memory
from ssd_harness.estimates.device_memory import training_memory
from ssd_harness.estimates.model_size import by_config, size_of
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.resolution import resolve

SHAPE = {
    "hidden_size": 256,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "intermediate_size": 768,
    "vocab_size": 2048,
    "tie_word_embeddings": True,
}
ROWS, ROW = 4, 320
WAYS = {
    "all parameters": {},
    "recomputed": {"gradient_checkpointing": True},
    "adapters": {"lora_rank": 8},
}
FACTOR = 1.4
"""The estimate is so near the measured peak, above or below."""

# Each way in a child of its own, which has the imports but nothing of the others; the first one shows what a trainer takes
# for itself.
MEASURE = """
import json, os, sys
from pathlib import Path
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM
from ssd_harness.plugins.trl import completion_trainer as trl_completion_trainer
from ssd_harness.plugins.trl.trainer import TrlTrainer
from ssd_harness.extensions.contracts import Sample
from ssd_harness.recipe.definition import Recipe
from bench import bench_transform, resident

top, shape, ways, rows, row = Path(sys.argv[1]), *map(json.loads, sys.argv[2:])
torch.set_num_threads(1)
small = {**shape, "num_hidden_layers": 1, "hidden_size": 16, "intermediate_size": 16, "vocab_size": 64}
for number, way in enumerate([None, *ways]):
    if not (child := os.fork()):
        folder = top / str(number)
        Qwen3ForCausalLM(Qwen3Config(**(shape if number else small), pad_token_id=0)).save_pretrained(folder)
        bench_transform._save_tokenizer(folder)
        samples = [Sample(str(k), 0, (3,) * 4, (5 + k,) * (row - 4), "", "eos") for k in range(2 * rows)]
        recipe = Recipe(
            steps=2, batch_size_train=rows, micro_batch_size=rows, max_length_train=row, device="cpu", **(way or {})
        )
        sys.stdout = sys.stderr
        resident.forget_peak()
        before = resident.peak_bytes()
        TrlTrainer(folder, recipe).train(samples, folder, lambda *_: None)
        os.write(1, f"{resident.peak_bytes() - before}\\n".encode())
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Peak memory of a training, in bytes, by the way it is done."""
    pytest.importorskip("trl")
    words = [json.dumps(words) for words in (SHAPE, list(WAYS.values()), ROWS, ROW)]
    command = [sys.executable, "-c", MEASURE, str(tmp_path_factory.mktemp("memory")), *words]
    # What is freed goes back at once: how the C library hoards it is no part of the estimate.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "262144", "OMP_NUM_THREADS": "1"}
    tests = Path(__file__).parents[1]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tests, env=environment)
    peaks = list(map(int, done.stdout.split()))
    assert len(peaks) == 1 + len(WAYS), done.stderr
    return {way: peak - peaks[0] for way, peak in zip(WAYS, peaks[1:], strict=True)}


@pytest.mark.hf
@pytest.mark.slow
def test_it_is_near_what_a_training_takes(measured):
    found = {}
    for name, way in WAYS.items():
        recipe = Recipe(batch_size_train=ROWS, micro_batch_size=ROWS, **way)
        found[name] = training_memory(recipe, by_config(SHAPE), ROW, half=False).total / measured[name]
    assert all(1 / FACTOR <= ratio <= FACTOR for ratio in found.values()), (found, measured)


BIG = "Qwen/Qwen3-4B-Instruct-2507"


def memory(row=8_192, **fields):
    recipe = dataclasses.replace(resolve(BIG, {}).recipe, **fields)
    return training_memory(recipe, size_of(BIG, None), row)


def test_states_are_what_a_hand_reckons_for_four_billion_parameters():
    parameters = 4.02e9
    alone = memory()
    assert alone.weights == alone.gradients == pytest.approx(4 * parameters, rel=0.02)
    assert alone.optimizer == pytest.approx(8 * parameters, rel=0.02)
    assert alone.scratch == alone.gradients
    shared = memory(gpus=8)
    assert shared.fixed == pytest.approx(16 * parameters / 8, rel=0.02)
    assert shared.activations == alone.activations
    copies = memory(gpus=8, sharding="none")
    assert copies.fixed == pytest.approx(20 * parameters, rel=0.02)
    assert memory(dtype_train="bfloat16").fixed == pytest.approx(8 * parameters, rel=0.02)
    # All linear layers at rank 16: 33 million parameters, at 16 bytes.
    adapters = memory(lora_rank=16)
    assert adapters.fixed == pytest.approx(2 * parameters + 16 * 33e6, rel=0.02)
    # 389 million of them are the embedding, which is not quantised.
    quantised = memory(lora_rank=16, lora_quantize="4bit")
    assert quantised.fixed == pytest.approx(0.516 * 3.63e9 + 4 * 0.389e9 + 16 * 33e6, rel=0.02)


def test_activations_grow_with_what_is_read_and_shrink_where_they_are_recomputed():
    one = memory()
    # 36 layers' inputs in float32, and one layer's own.
    inputs = 36 * 8_192 * 2_560 * 4
    layer = 8_192 * (6 * 2_560 * 4 + (6 * 4_096 + 5 * 1_024 + 4 * 9_728) * 2)
    assert one.activations == pytest.approx(inputs + layer, rel=0.01)
    assert memory(row=16_384).activations == pytest.approx(2 * one.activations, rel=0.01)
    assert memory(micro_batch_size=4).activations == pytest.approx(4 * one.activations + 4 * 8_192**2, rel=0.01)
    kept = memory(gradient_checkpointing=False)
    assert kept.activations == pytest.approx(36 * layer + 3 * 2**28, rel=0.01)


def test_layers_with_a_window_keep_no_more_than_that():
    config = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2, "vocab_size": 99}
    config |= {"intermediate_size": 64, "sliding_window": 100}
    types = ["sliding_attention", "full_attention", "sliding_attention"]
    size = by_config(config | {"layer_types": types})
    assert device_memory.cache_bytes(size, 1000, 2) == 2 * 64 * 2 * (1000 + 2 * 100)
    assert device_memory.cache_bytes(size, 50, 2) == 2 * 64 * 2 * 3 * 50
    for odd in (types[:2], "sliding_attention", None, [{}] * 3):
        assert device_memory.cache_bytes(by_config(config | {"layer_types": odd}), 1000, 2) == 2 * 64 * 2 * 3000


def test_the_sampler_has_all_weights_and_a_cache():
    recipe, size = resolve(BIG, {}).recipe, size_of(BIG, None)
    sampling = device_memory.sampling_memory(recipe, size, 66_036)
    assert sampling.weights == pytest.approx(2 * 4.02e9, rel=0.02)
    # Keys and values of 36 layers, 8 heads of 128, two bytes each, in buffers of an eighth more columns.
    assert sampling.cache == 2 * 36 * 1_024 * 2 * (66_036 + 66_036 // 8)
    assert sampling.total == sampling.weights + sampling.cache
    assert device_memory.sampling_memory(recipe, size, 66_036, half=False).total == 2 * sampling.total
    # vLLM is started for prompts as long as samples may be, and takes nine tenths of the device.
    of_vllm = device_memory.sampling_memory(dataclasses.replace(recipe, sampler="vllm"), size, 66_036)
    assert of_vllm.total == pytest.approx((sampling.weights + 2 * 36 * 1_024 * 2 * 131_072) / 0.9)
