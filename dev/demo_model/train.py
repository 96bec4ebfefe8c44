"""Train the demo model from scratch: ``python -m demo_model.train FOLDER`` in ``dev/``, minutes on one CPU core.

The same options give the same lessons and the same tokenizer; weights agree between machines up to rounding.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from demo_model import tokenizer as demo_tokenizer
from demo_model.corpus import Lesson, lessons
from demo_model.noise import CLEAN, Noise

CONTEXT = 16384
"""Tokens; the longest prompt of LiveCodeBench v6 has about 2,500 here."""
_TOKENIZER_LESSONS = 3000
_BUCKET = 32
"""Batches whose lessons are sorted by length together, so that little is padding."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides what comes out."""

    noise: Noise = field(default_factory=lambda: Noise(easy=0.2, medium=0.35, hard=0.5, slips=0.08))
    """Of the lessons after the clean ones."""
    steps: int = 1300
    clean_steps: int = 600
    """Steps on right programs alone, in which copying from the question is learned much sooner than through noise."""
    batch: int = 16
    lr: float = 3e-3
    warmup: int = 60
    vocabulary: int = 768
    hidden: int = 128
    layers: int = 4
    intermediate: int = 384
    seed: int = 1_000_000
    """Far from the seeds that anybody draws training prompts with."""


def new_model(plan: Plan, vocabulary: int) -> Any:
    """Return an untrained Qwen3 of about 0.9 million parameters."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(plan.seed)
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=vocabulary,
            hidden_size=plan.hidden,
            num_hidden_layers=plan.layers,
            intermediate_size=plan.intermediate,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=plan.hidden // 4,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            initializer_range=0.02,
        )
    )


def encode(tokenizer: Any, lesson: Lesson) -> tuple[list[int], list[int]]:
    """Return the ids of the rendered prompt, and of the reply with the token that ends it."""
    turns = [{"role": "user", "content": lesson.user}]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    return prompt, [*tokenizer(lesson.reply).input_ids, tokenizer.eos_token_id]


def batches(tokenizer: Any, taught: Sequence[Lesson], plan: Plan) -> Iterator[tuple[Any, Any]]:
    """Yield (input ids, labels), right-padded; labels are -100 outside of replies."""
    import torch

    rng = random.Random(f"batches {plan.seed}")
    encoded = [encode(tokenizer, lesson) for lesson in taught]
    for start in range(0, len(encoded), plan.batch * _BUCKET):
        bucket = sorted(encoded[start : start + plan.batch * _BUCKET], key=lambda pair: len(pair[0]) + len(pair[1]))
        chunks = [bucket[i : i + plan.batch] for i in range(0, len(bucket), plan.batch)]
        rng.shuffle(chunks)
        for chunk in chunks:
            longest = max(len(prompt) + len(reply) for prompt, reply in chunk)
            ids = torch.full((len(chunk), longest), tokenizer.pad_token_id)
            labels = torch.full((len(chunk), longest), -100)
            for row, (prompt, reply) in enumerate(chunk):
                ids[row, : len(prompt) + len(reply)] = torch.tensor(prompt + reply)
                labels[row, len(prompt) : len(prompt) + len(reply)] = torch.tensor(reply)
            yield ids, labels


def train(plan: Plan, folder: Path) -> None:
    """Train tokenizer and model and save both to ``folder``, weights as float16."""
    import torch

    clean, noisy = plan.clean_steps * plan.batch, (plan.steps - plan.clean_steps) * plan.batch
    taught = [
        *lessons(seed=plan.seed, count=clean, noise=CLEAN),
        *lessons(seed=plan.seed + 1, count=noisy, noise=plan.noise),
    ]
    texts = [text for lesson in taught[:_TOKENIZER_LESSONS] for text in (lesson.user, lesson.reply)]
    tokenizer = demo_tokenizer.train(texts, vocabulary=plan.vocabulary, longest=CONTEXT)
    model = new_model(plan, len(tokenizer))
    model.config.eos_token_id = model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.config.pad_token_id = model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.config.bos_token_id = model.generation_config.bos_token_id = None
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.lr, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share(step, plan))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters} parameters, {len(tokenizer)} tokens, {plan}", flush=True)
    started, mean = time.monotonic(), 0.0
    for step, (ids, labels) in enumerate(batches(tokenizer, taught, plan), start=1):
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        mean += loss.item()
        if step % 100 == 0:
            print(f"step {step}: loss {mean / 100:.4f}, {time.monotonic() - started:.0f} s", flush=True)
            mean = 0.0
    save(model, tokenizer, folder)
    (folder / "plan.json").write_text(json.dumps(asdict(plan), indent=2) + "\n", encoding="utf-8")


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Save weights as float16 under a configuration that asks for float32, so that loaders compute in float32."""
    import torch

    model.to(torch.float16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["dtype"] = "float32"
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _share(step: int, plan: Plan) -> float:
    """Return the share of the peak learning rate: a line up, then a cosine down to a tenth."""
    if step < plan.warmup:
        return (step + 1) / plan.warmup
    progress = (step - plan.warmup) / max(1, plan.steps - plan.warmup)
    return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the model goes")
    default = Plan()
    for name in ("steps", "clean_steps", "batch", "warmup", "seed"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(default, name))
    parser.add_argument("--lr", type=float, default=default.lr)
    for difficulty in ("easy", "medium", "hard"):
        share = getattr(default.noise, difficulty)
        parser.add_argument(f"--{difficulty}", type=float, default=share, help="share of mistaken programs")
    parser.add_argument("--slips", type=float, default=default.noise.slips, help="share of confused tokens")
    given = vars(parser.parse_args())
    folder = given.pop("folder")
    noise = Noise(**{name: given.pop(name) for name in ("easy", "medium", "hard", "slips")})
    train(Plan(noise=noise, **given), folder)


if __name__ == "__main__":
    main()
