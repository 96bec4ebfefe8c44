"""200 requests of very uneven length in the same memory: admitted by what they hold now, against the longest reserved.

The longest sample may have 2,048 tokens, the samples have 35 on average and up to some hundreds, and the cache has room
for two of the longest. One thread, CPU time.
``pytest tests/bench/bench_uneven_lengths.py -o python_files='bench_*.py' -s``; prints both times and their ratio.
"""

import statistics
import time

import torch
from bench.random_qwen import random_qwen

from ssd_harness.engines import memory
from ssd_harness.engines.contracts import Decoding, GenerationRequest
from ssd_harness.engines.hf import HfEngine

GOAL = 3
REQUESTS, SEQUENCES, PROMPT = 200, 2, 60
DECODING = Decoding(0.8, 20, 1.0, 2_048)
STOPS = range(2, 26)


def drawn(engine, requests):
    """Return CPU seconds and the texts."""
    start = time.process_time()
    made = {one.request.key: one.token_ids for one in engine.generate(requests, DECODING, 0)}
    return time.process_time() - start, made


def test_uneven_requests_in_the_same_memory():
    torch.set_num_threads(1)
    model = random_qwen(512, 64, 4, 4, inner=128)
    generator = torch.Generator().manual_seed(2)
    lengths = torch.randint(10, PROMPT, (REQUESTS,), generator=generator).tolist()
    requests = [
        GenerationRequest(f"p{k}", 0, tuple(torch.randint(20, 512, (length,), generator=generator).tolist()))
        for k, length in enumerate(lengths)
    ]
    budget = SEQUENCES * (PROMPT + DECODING.max_new_tokens) * memory.cache_bytes_per_token(model)
    admitting = HfEngine(model, stop_ids=STOPS, cache_bytes=budget)
    mine, texts = drawn(admitting, requests)
    # Two rows of any length always fit: this is what reserving the longest comes to.
    reserving, reserved_texts = drawn(HfEngine(model, stop_ids=STOPS, rows=SEQUENCES), requests)
    tokens = sorted(map(len, texts.values()))
    print(
        f"\n{REQUESTS} samples of {tokens[0]} to {tokens[-1]} tokens (median {statistics.median(tokens):.0f}, mean "
        f"{statistics.mean(tokens):.0f}): {mine:.1f} s, {admitting.reread} rows read again; reserving the longest "
        f"{reserving:.1f} s: {reserving / mine:.1f} times (goal {GOAL})"
    )
    assert sum(texts[key] != reserved_texts[key] for key in texts) <= 2
    assert reserving >= GOAL * mine
