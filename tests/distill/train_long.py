"""What torchrun runs in each of two processes: one step on long rows by FSDP2; not a test.

``train_long.py BASE FOLDER WEIGHTING...`` leaves the losses of each way in ``FOLDER/WEIGHTING/losses.json``.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from distill.test_loss import LONG, ONE_STEP

from ssd_harness.distill.ranks import own_rank
from ssd_harness.plugins.trl import completion_trainer
from ssd_harness.plugins.trl.trainer import TrlTrainer
from ssd_harness.recipe.definition import Recipe


def refuse(*_):
    raise AssertionError("it took all logits")


if __name__ == "__main__":
    completion_trainer.CompletionTrainer._losses_of_all_logits = refuse
    for weighting in sys.argv[3:]:
        folder = Path(sys.argv[2]) / weighting
        recipe = Recipe(**{**ONE_STEP, "gpus": 2, "micro_batch_size": 1, "loss_weighting": weighting})
        report = TrlTrainer(Path(sys.argv[1]), recipe).train(LONG, folder, lambda *_, **__: None)
        if own_rank().first:
            (folder / "losses.json").write_text(json.dumps(report["losses"]))
