"""TRL's supervised fine-tuning with a loss that is cheap where all logits fit, and a callback that watches it."""

import inspect
import math
from pathlib import Path
from typing import Any

import torch
from ssd_harness.plugins.trl_packing import check_packing
from ssd_harness.plugins.trl_rows import COMPLETE
from torch.utils.data import SequentialSampler
from transformers import TrainerCallback
from trl import SFTTrainer

from ssd_harness import storage
from ssd_harness.distill.contracts import Report
from ssd_harness.distill.training_row import IGNORED
from ssd_harness.errors import InfrastructureError

_LOGIT_BYTES = 2**28


class CompletionTrainer(SFTTrainer):
    """Takes rows in the order they come in, and the mean cross-entropy over the labels of a whole step.

    TRL's own loss never holds all logits: it computes them in tiles, twice, and without Triton for the prompts' tokens
    as well. ``longest_row`` decides, once for all steps and processes, whether that is needed.
    """

    def __init__(self, *, longest_row: int, **options: Any) -> None:
        super().__init__(**options)
        self.model_accepts_loss_kwargs = True  # the loss below is divided by the labels of the whole step
        vocabulary = self.model.config.get_text_config().vocab_size
        rows = self.args.per_device_train_batch_size
        self._all_logits_fit = 4 * rows * longest_row * vocabulary <= _LOGIT_BYTES
        base = self.accelerator.unwrap_model(self.model)
        base = base.get_base_model() if hasattr(base, "get_base_model") else base
        self._all_logits_fit &= "logits_to_keep" in inspect.signature(type(base).forward).parameters

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the summed cross-entropy over the labels, divided by the number of the step's labels."""
        if not self._all_logits_fit or return_outputs or num_items_in_batch is None:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs["labels"]
        predicting = (labels[:, 1:] != IGNORED).any(dim=0).nonzero().squeeze(-1)
        forward = {name: value for name, value in inputs.items() if name != "labels"}
        logits = model(**forward, use_cache=False, logits_to_keep=predicting).logits
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1).float(), labels[:, predicting + 1].flatten(), ignore_index=IGNORED, reduction="sum"
        )
        # Labels are counted over all processes, and gradients are averaged over them.
        return loss * self.accelerator.num_processes / num_items_in_batch

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write none: it would describe a model that nobody sees."""

    def _get_train_sampler(self, *_: Any) -> Any:
        return SequentialSampler(self.train_dataset)


class Watch(TrainerCallback):
    """Reports each step, stops at a loss that is no number, and marks saved states that are whole."""

    def __init__(self, report: Report, *, packing: bool) -> None:
        self._report, self._packing = report, packing

    def on_train_begin(self, args: Any, _state: Any, _control: Any, model: Any = None, **_: Any) -> None:
        """Refuse to pack for a model that does not keep the sequences apart."""
        if self._packing:
            check_packing(model, half=args.bf16)

    def on_log(self, args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
        """Look at a step's loss."""
        if "loss" not in (logs or {}):
            return
        if not math.isfinite(logs["loss"]):
            # What was saved just before may hold the broken weights: a resumed run must go further back.
            (_state_folder(args, state.global_step - 1) / COMPLETE).unlink(missing_ok=True)
            raise InfrastructureError(
                f"the loss is {logs['loss']} at step {state.global_step}",
                next_step="lower lr= or look at the samples; nothing was registered",
            )
        self._report(state.global_step, state.max_steps, f"loss {logs['loss']:.4f}")

    def on_save(self, args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Mark the state, once every process has written its part."""
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
        if state.is_world_process_zero:
            storage.settle(saved := _state_folder(args, state.global_step))
            (saved / COMPLETE).touch()


def _state_folder(args: Any, step: int) -> Path:
    return Path(args.output_dir) / f"checkpoint-{step}"
