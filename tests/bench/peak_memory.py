"""Train a model of some size and print the peak memory in kB, after the imports and at the end; not a test."""

import sys
from pathlib import Path

import torch
from bench import bench_transform, resident
from bench.random_qwen import random_qwen

STEPS, BATCH, MICRO = 3, 8, 8


def main(kind, folder, packing):
    torch.set_num_threads(1)
    folder.mkdir()
    random_qwen(16384, hidden=384, layers=6, heads=6, inner=1024).save_pretrained(folder / "model")
    bench_transform._save_tokenizer(folder / "model")
    samples = bench_transform.completions(STEPS * BATCH, 1024)
    if kind == "ours":
        from ssd_harness.plugins.trl import completion_trainer  # noqa: F401 - its imports are told apart

        print(resident.peak_bytes() >> 10)
        recipe = bench_transform.training(STEPS, BATCH, MICRO, packing=packing)
        bench_transform.TrlTrainer(folder / "model", recipe).train(samples, folder, lambda *_: None)
    else:
        print(resident.peak_bytes() >> 10)
        rows = [(list(one.prompt_ids + one.token_ids), len(one.prompt_ids)) for one in samples]
        bench_transform._bare_loop(folder / "model", rows, STEPS, BATCH, MICRO)
    print(resident.peak_bytes() >> 10)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3] == "True")
