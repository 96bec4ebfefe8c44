"""Train a model of some size and print the peak memory in kB, after the imports and at the end; not a test."""

import sys
from pathlib import Path

import torch
from bench import bench_transform, resident
from transformers import Qwen3Config, Qwen3ForCausalLM

STEPS, BATCH, MICRO = 3, 8, 8


def main(kind, folder, packing):
    torch.set_num_threads(1)
    folder.mkdir()
    config = Qwen3Config(
        vocab_size=16384,
        hidden_size=384,
        intermediate_size=1024,
        num_hidden_layers=6,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=64,
        tie_word_embeddings=True,
        pad_token_id=0,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder / "model")
    bench_transform._save_tokenizer(folder / "model")
    samples = bench_transform.completions(STEPS * BATCH, 1024)
    if kind == "ours":
        from ssd_harness.plugins import trl_completion_trainer  # noqa: F401 - its imports are told apart

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
