"""What the transform costs beside the bare library calls: sampler tokens/s, trainer seconds a step, peak memory.

One thread, CPU time: what else the machine does hardly matters.
``pytest tests/bench/bench_transform.py -o python_files='bench_*.py' -s``; each test prints one ratio.
"""

import functools
import itertools
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from bench.random_qwen import random_qwen
from transformers import Qwen3ForCausalLM

from ssd_harness.distill.training_row import IGNORED
from ssd_harness.engines.contracts import Decoding, GenerationRequest
from ssd_harness.extensions.contracts import Sample
from ssd_harness.plugins.transformers_engine.engine import HfEngine
from ssd_harness.plugins.trl.trainer import TrlTrainer
from ssd_harness.recipe.definition import Recipe

ROWS = 64
ROUNDS = 3
DECODING = Decoding(1.0, 20, 0.8, 160)
STOPS = range(8)


@pytest.fixture(scope="module")
def model():
    """About the embedded model's size; random weights end a sample after some 80 tokens on average."""
    torch.set_num_threads(1)
    return random_qwen(1024, hidden=128, layers=4, heads=4, inner=384)


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
    theirs, mine = [], []
    for _ in range(ROUNDS):  # in turn, so that what else the machine does meets both
        theirs.append(bare(model, 256 // n, n))
        mine.append(ours(model, 256 // n, n))
    benchmark.pedantic(ours, args=(model, 8, 1), rounds=1)
    ratios = [own / other for own, other in zip(mine, theirs, strict=True)]
    print(
        f"\nn={n}: {statistics.median(mine):,.0f} tokens/s, bare generate {statistics.median(theirs):,.0f}: "
        f"{statistics.median(ratios):.2f} times ({min(ratios):.2f} to {max(ratios):.2f}; goal {goal})"
    )


def test_trainer_against_a_bare_loop(benchmark, model, tmp_path):
    """A step beside a step; what comes once, and what each saved state costs, stand for themselves."""
    from trl import SFTTrainer  # noqa: F401 - importing it takes as long as several steps

    folder, steps, batch, micro = tmp_path / "model", 10, 32, 8
    model.save_pretrained(folder)
    _save_tokenizer(folder)
    samples = completions(steps * batch, model.config.vocab_size)
    rows = [(list(one.prompt_ids + one.token_ids), len(one.prompt_ids)) for one in samples]
    bare = []
    _bare_loop(folder, rows, steps, batch, micro, lambda *_: bare.append(time.process_time()))
    # One state in the middle: the longest of the gaps holds it, all others are steps alone.
    recipe = training(steps, batch, micro, save_steps=steps // 2)
    stamps = []
    started = time.process_time()
    train = TrlTrainer(folder, recipe).train
    benchmark.pedantic(train, args=(samples, tmp_path, lambda *_: stamps.append(time.process_time())), rounds=1)
    ended = time.process_time()
    theirs, gaps = statistics.median(_gaps(bare)), _gaps(stamps)
    mine = statistics.median(gaps)
    print(
        f"\n{mine:.3f} s a step, bare loop {theirs:.3f} s: {mine / theirs:.2f} times (goal 1.1); once: "
        f"{stamps[0] - started - mine:.2f} s to start, {ended - stamps[-1]:.2f} s to write the last state and the "
        f"checkpoint; {max(gaps) - mine:.2f} s for a saved state"
    )


@pytest.mark.parametrize("packing", [False, True])
def test_peak_memory_against_a_bare_loop(benchmark, tmp_path, packing):
    """Each in a process of its own; what its imports take alone is told apart."""
    peaks = {}
    for kind in ("bare", "ours"):
        command = [sys.executable, "-m", "bench.peak_memory", kind, str(tmp_path / kind), str(packing)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        run = functools.partial(subprocess.run, command, env=environment, capture_output=True, text=True, check=True)
        done = benchmark.pedantic(run, rounds=1) if kind == "ours" else run()
        peaks[kind] = [int(line) / 1024 for line in done.stdout.splitlines() if line.isdigit()]
    (bare_start, bare), (our_start, ours) = peaks["bare"], peaks["ours"]
    print(
        f"\npacking {packing}: peak {ours:,.0f} MB ({our_start:,.0f} after imports), bare loop {bare:,.0f} MB "
        f"({bare_start:,.0f}): {ours / bare:.2f} times; beyond imports {(ours - our_start) / (bare - bare_start):.2f} "
        "times (goal 1.1)"
    )


def completions(count, vocabulary):
    rng = random.Random(1)
    return [
        Sample(str(k), 0, ids, tuple(rng.randrange(20, vocabulary) for _ in range(rng.randint(40, 120))), "", "eos")
        for k, ids in enumerate(prompts(count))
    ]


def training(steps, batch, micro, **fields):
    return Recipe(
        steps=steps, batch_size_train=batch, micro_batch_size=micro, max_length_train=512, device="cpu", **fields
    )


def _gaps(stamps):
    return [later - earlier for earlier, later in itertools.pairwise(stamps)]


def _bare_loop(folder, rows, steps, batch, micro, report=lambda *_: None):
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
        report()


def _save_tokenizer(folder):
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel({f"<{number}>": number for number in range(1024)}, unk_token="<1>"))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<0>", eos_token="<2>").save_pretrained(folder)
