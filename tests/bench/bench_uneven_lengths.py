"""200 requests of very uneven length in the same memory: admitted by what they hold now, against the longest reserved.

A sample may have 1,024 tokens. Lengths are log-normal, with a median of 2 % of that: most samples are short and few are
long, as in reasoning. The memory has room for one, two or four of the longest samples. The lengths are fixed, so both
ways draw the same texts. One thread, CPU time. Forward passes are what counts on an accelerator, where a pass for 12
rows takes hardly longer than one for 4; on a CPU, a pass of so small a model takes longer with more rows.
``pytest tests/bench/bench_uneven_lengths.py -o python_files='bench_*.py' -s``; prints times, passes and their ratios.
"""

import inspect
import math
import random
import statistics
import time

import pytest
import torch
from bench.random_qwen import random_qwen

from ssd_harness.engines import memory
from ssd_harness.engines.contracts import Decoding, GenerationRequest
from ssd_harness.plugins.transformers_engine.bundle import Bundle
from ssd_harness.plugins.transformers_engine.engine import HfEngine

GOAL = 3
REQUESTS, PROMPT, LONGEST = 200, 60, 1_024
DECODING = Decoding(0.8, 20, 1.0, LONGEST)


@pytest.fixture
def measured(monkeypatch):
    """Return what draws requests of these lengths: CPU seconds, forward passes and texts."""
    model = random_qwen(512, 64, 4, 4, inner=128)
    own, forward = Bundle.draw, type(model).forward
    lengths, passes = {}, [0]

    def draw(self, decoding, stop_ids):
        finished = own(self, decoding, stop_ids)
        for row in self.rows:
            if not row.done and len(row.tokens) >= lengths[row.request.key]:
                row.done = True
                finished.append(row)
        return finished

    def counted(self, *arguments, **named):
        passes[0] += 1
        return forward(self, *arguments, **named)

    monkeypatch.setattr(Bundle, "draw", draw)
    counted.__signature__ = inspect.signature(forward)
    monkeypatch.setattr(type(model), "forward", counted)

    def measured(requests, asked, **limits):
        lengths.update(asked)
        passes[0] = 0
        engine = HfEngine(model, stop_ids=(), **limits)
        start = time.process_time()
        made = {one.request.key: one.token_ids for one in engine.generate(requests, DECODING, 0)}
        return time.process_time() - start, passes[0], made

    measured.cell = memory.cache_bytes_per_token(model)
    return measured


@pytest.mark.parametrize(
    ("room", "median", "spread", "times_faster", "times_fewer_passes"),
    [(1, 0.02, 1.0, GOAL, GOAL), (2, 0.02, 1.0, 2, GOAL), (4, 0.02, 1.0, 2, GOAL), (4, 0.04, 1.2, 1.5, 2)],
)
def test_uneven_requests_in_the_same_memory(measured, room, median, spread, times_faster, times_fewer_passes):
    torch.set_num_threads(1)
    numbers = random.Random(2)
    drawn = [LONGEST * median * math.exp(spread * numbers.gauss(0, 1)) for _ in range(REQUESTS)]
    lengths = {f"p{k}": max(1, min(LONGEST, int(length))) for k, length in enumerate(drawn)}
    prompts = [[numbers.randrange(20, 512) for _ in range(numbers.randrange(10, PROMPT))] for _ in range(REQUESTS)]
    requests = [GenerationRequest(f"p{k}", 0, tuple(ids)) for k, ids in enumerate(prompts)]
    mine, passes, texts = measured(requests, lengths, cache_bytes=room * (PROMPT + LONGEST) * measured.cell)
    # So many rows of any length always fit: this is what reserving the longest comes to.
    theirs, their_passes, reserved = measured(requests, lengths, rows=room)
    tokens = sorted(map(len, texts.values()))
    print(
        f"\n{REQUESTS} samples of {tokens[0]} to {tokens[-1]} tokens (median {statistics.median(tokens):.0f}, mean "
        f"{statistics.mean(tokens):.0f}): {passes:,} passes and {mine:.1f} s; reserving the longest {their_passes:,} "
        f"passes and {theirs:.1f} s: {their_passes / passes:.1f} times the passes (goal "
        f"{times_fewer_passes}), {theirs / mine:.1f} times the time (goal {times_faster}), room for {room}"
    )
    assert sum(texts[key] != reserved[key] for key in texts) <= 2
    assert their_passes >= times_fewer_passes * passes
    assert theirs >= times_faster * mine
