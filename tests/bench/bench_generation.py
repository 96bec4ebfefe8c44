"""Ten samples a problem of livecodebench_mini: ssd-hf against stock ``hf`` with ``repeats: 10``, embedded model, one thread.

CPU time of the evaluation's generating part, which for both is ``generate_until`` on the same requests, at the same decoding and
length. Without a batch size, as most commands are written, lm-eval gives stock ``hf`` one sequence at a time and ssd-hf chooses its
rows itself; the goal is meant for that. With one, both have so many sequences side by side.
``pytest tests/bench/bench_generation.py -o python_files='bench_*.py' -s``; prints one ratio a batch size.
"""

import json
import time

import lm_eval
import pytest
import torch
from lm_eval.models.huggingface import HFLM

from ssd_harness.artifacts.base_model import demo_folder
from ssd_harness.harness import patches
from ssd_harness.harness.models.hf import SsdHf

GOAL = 0.5
TASK = "livecodebench_mini"
DECODING = {"temperature": 1.4, "top_k": 20, "top_p": 0.8, "do_sample": True, "max_gen_toks": 256}


def evaluate(model, limit):
    """Return CPU seconds inside generate_until, and the answers."""
    spent, inner = [], model.generate_until

    def timed(*arguments, **named):
        start = time.process_time()
        try:
            return inner(*arguments, **named)
        finally:
            spent.append(time.process_time() - start)

    model.generate_until = timed
    try:
        options = {"limit": limit, "predict_only": True, "metadata": {"repeats": 10}, "gen_kwargs": dict(DECODING)}
        # Without the template stock hf would read a prompt that is no turn of a chat, and answer at another length.
        results = lm_eval.simple_evaluate(model=model, tasks=[TASK], apply_chat_template=True, **options)
    finally:
        del model.generate_until
    return sum(spent), [json.loads(row) for sample in results["samples"][TASK] for row in sample["filtered_resps"][0]]


@pytest.mark.parametrize("rows", [1, 16, 64])
def test_ten_samples_a_problem_against_stock_hf(rows, tmp_path, monkeypatch):
    torch.set_num_threads(1)
    patches.activate()
    limit = {1: 3, 16: 12, 64: 36}[rows]  # few sequences at a time take their time
    stock = HFLM(pretrained=str(demo_folder()), device="cpu", dtype="float32", batch_size=rows)
    model = SsdHf(pretrained="demo", rounds=0, batch_size=rows)
    for one in (stock, model):
        monkeypatch.setenv("SSD_HARNESS_HOME", str(tmp_path / "warm"))
        evaluate(one, 1)
    monkeypatch.setenv("SSD_HARNESS_HOME", str(tmp_path / "measured"))
    theirs, _ = evaluate(stock, limit)
    mine, rows_of_samples = evaluate(model, limit)
    tokens = sum(row["tokens"] for row in rows_of_samples)
    print(
        f"\nbatch size {rows if rows > 1 else 'not given'}, {limit} problems: {mine:.1f} s ({tokens / mine:,.0f} tokens/s), stock hf {theirs:.1f} s: "
        f"{mine / theirs:.2f} (goal {GOAL})"
    )
    assert mine <= (GOAL if rows == 1 else 1) * theirs
