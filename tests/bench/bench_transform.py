"""What the transform costs beside the bare library calls: sampler tokens/s and trainer seconds a step.

One thread, CPU time: what else the machine does hardly matters.
``pytest tests/bench/bench_transform.py -o python_files='bench_*.py' --benchmark-only -s``; each test prints one ratio.
"""

import random
import time

import pytest
import torch
from ssd_harness.plugins.trl_rows import IGNORED
from ssd_harness.plugins.trl_trainer import TrlTrainer
from transformers import Qwen3Config, Qwen3ForCausalLM

from ssd_harness.distill.contracts import Sample
from ssd_harness.engines.contracts import Decoding, GenerationRequest
from ssd_harness.engines.hf import HfEngine
from ssd_harness.recipe import Recipe

ROWS = 64
DECODING = Decoding(1.0, 20, 0.8, 160)
STOPS = range(8)


@pytest.fixture(scope="module")
def model():
    """About the embedded model's size; random weights end a sample after some 80 tokens on average."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=1024,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=16384,
        tie_word_embeddings=True,
        pad_token_id=0,
    )
    return Qwen3ForCausalLM(config).eval()


def prompts(count):
    rng = random.Random(0)
    return [tuple(rng.randrange(20, 1024) for _ in range(rng.randint(150, 250))) for _ in range(count)]


def bare(model, count, n):
    """Return tokens/s of batched generate, prompts in order, rows padded to the longest."""
    start, tokens = time.process_time(), 0
    repeated = [prompt for prompt in prompts(count) for _ in range(n)]
    options = {
        "do_sample": True,
        "temperature": 1.0,
        "top_k": 20,
        "top_p": 0.8,
        "max_new_tokens": DECODING.max_new_tokens,
    }
    with torch.inference_mode():
        for first in range(0, len(repeated), ROWS):
            batch = repeated[first : first + ROWS]
            width = max(map(len, batch))
            ids = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in batch])
            made = model.generate(
                ids, attention_mask=(ids > 0).long(), eos_token_id=list(STOPS), pad_token_id=0, **options
            )
            for row in made[:, width:].tolist():
                tokens += next((k + 1 for k, token in enumerate(row) if token in STOPS), len(row))
    return tokens / (time.process_time() - start)


def ours(model, count, n):
    """Return tokens/s of the engine on the same prompts."""
    start, tokens = time.process_time(), 0
    asked = (GenerationRequest(str(k), index, ids) for k, ids in enumerate(prompts(count)) for index in range(n))
    for made in HfEngine(model, stop_ids=STOPS, rows=ROWS).generate(asked, DECODING, 0):
        tokens += len(made.token_ids)
    return tokens / (time.process_time() - start)


@pytest.mark.parametrize(("n", "goal"), [(1, 0.95), (4, 1.5)])
def test_sampler_against_bare_generate(benchmark, model, n, goal):
    bare(model, 8, 1), ours(model, 8, 1)  # warm up
    theirs = bare(model, 256 // n, n)
    mine = benchmark.pedantic(ours, args=(model, 256 // n, n), rounds=1)
    print(f"\nn={n}: {mine:,.0f} tokens/s, bare generate {theirs:,.0f}: {mine / theirs:.2f} times (goal {goal})")


def test_trainer_against_a_bare_loop(benchmark, model, tmp_path):
    from trl import SFTTrainer  # noqa: F401 - importing it takes as long as several steps

    folder = tmp_path / "model"
    model.save_pretrained(folder)
    _save_tokenizer(folder)
    rng = random.Random(1)
    steps, batch, micro = 20, 32, 8
    samples = [
        Sample(str(k), 0, ids, tuple(rng.randrange(20, 1024) for _ in range(rng.randint(40, 120))), "", "eos")
        for k, ids in enumerate(prompts(steps * batch))
    ]
    rows = [(list(one.prompt_ids + one.token_ids), len(one.prompt_ids)) for one in samples]
    theirs = _bare_loop(folder, rows, steps, batch, micro)
    recipe = Recipe(steps=steps, batch_size_train=batch, micro_batch_size=micro, max_length_train=512, device="cpu")
    trainer = TrlTrainer(folder, recipe)
    start = time.process_time()
    benchmark.pedantic(trainer.train, args=(samples, tmp_path, lambda *_: None), rounds=1)
    mine = (time.process_time() - start) / steps
    print(
        f"\n{mine:.3f} s a step with loading and saving, bare loop {theirs:.3f} s: {mine / theirs:.2f} times (goal 1.1)"
    )


def _bare_loop(folder, rows, steps, batch, micro):
    start = time.process_time()
    model = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-6, betas=(0.9, 0.95), weight_decay=0.1)
    for step in range(steps):
        chosen = rows[step * batch : (step + 1) * batch]
        total = sum(len(ids) - prompt for ids, prompt in chosen)
        for first in range(0, batch, micro):
            part = chosen[first : first + micro]
            width = max(len(ids) for ids, _ in part)
            ids = torch.tensor([row + [0] * (width - len(row)) for row, _ in part])
            labels = torch.tensor(
                [[IGNORED] * prompt + row[prompt:] + [IGNORED] * (width - len(row)) for row, prompt in part]
            )
            mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row, _ in part])
            logits = model(ids, attention_mask=mask).logits[:, :-1]
            loss = torch.nn.functional.cross_entropy(
                logits.reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1), reduction="sum", ignore_index=IGNORED
            )
            (loss / total).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
    return (time.process_time() - start) / steps


def _save_tokenizer(folder):
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel({f"<{number}>": number for number in range(1024)}, unk_token="<1>"))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<0>", eos_token="<2>").save_pretrained(folder)
