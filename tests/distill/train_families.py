"""What torchrun runs in each of two processes: train one model after the other by FSDP2; not a test.

``train_families.py FOLDER NAME...`` trains ``FOLDER/NAME`` and writes to ``FOLDER/NAME-fsdp2``.
"""

import sys
from pathlib import Path

from ssd_harness.extensions.contracts import Sample
from ssd_harness.plugins.trl.trainer import TrlTrainer
from ssd_harness.recipe.definition import Recipe

SAMPLES = [Sample(f"p{k}", 0, (1, 80 + k), tuple(range(90, 100 + k)), "", "eos") for k in range(4)]
FIELDS = {
    "steps": 2,
    "warmup_steps": 0,
    "batch_size_train": 4,
    "lr": 1e-2,
    "max_length_train": 32,
    "device": "cpu",
}


def train(base, folder, **fields):
    """Train two steps, and leave checkpoint and record in ``folder``."""
    return TrlTrainer(base, Recipe(**{**FIELDS, **fields})).train(SAMPLES, folder, lambda *_, **__: None)


if __name__ == "__main__":
    for name in sys.argv[2:]:
        place = Path(sys.argv[1])
        train(place / name, place / f"{name}-fsdp2", gpus=2)
