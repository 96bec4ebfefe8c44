"""TRL's supervised fine-tuning with a loss that is cheap where all logits fit, and a callback that watches it."""

import inspect
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import SequentialSampler
from transformers import TrainerCallback
from trl import SFTTrainer

from ssd_harness import storage
from ssd_harness.distill.training_metrics import MetricsFile
from ssd_harness.distill.training_row import IGNORED
from ssd_harness.errors import InfrastructureError
from ssd_harness.extensions.contracts import Report
from ssd_harness.plugins.trl.packing import check_packing
from ssd_harness.plugins.trl.rows import COMPLETE

_LOGIT_BYTES = 2**28


class CompletionTrainer(SFTTrainer):
    """Trains on rows in their given order; the loss is the mean cross-entropy over the labels of a whole step.

    With ``loss_weighting="token"`` all tokens of the step have the same weight; with ``"sequence"`` the loss is the
    mean over the means of its ``batch_size`` sequences. TRL's fused head never stores all logits: it computes them in
    tiles, twice, and without Triton also for the tokens of the prompts. ``longest_row`` decides once, for all steps and
    processes, whether the fused head is needed.
    """

    def __init__(self, *, longest_row: int, loss_weighting: str, batch_size: int, **options: Any) -> None:
        super().__init__(**options)
        self.model_accepts_loss_kwargs = True  # compute_loss divides by the labels of the whole step
        self._by_sequence, self._batch_size = loss_weighting == "sequence", batch_size
        loaded: Any = self.model
        vocabulary = loaded.config.get_text_config().vocab_size
        rows = self.args.per_device_train_batch_size
        self._all_logits_fit = 4 * rows * longest_row * vocabulary <= _LOGIT_BYTES
        base = self.accelerator.unwrap_model(self.model)
        base = base.get_base_model() if hasattr(base, "get_base_model") else base
        self._all_logits_fit &= "logits_to_keep" in inspect.signature(type(base).forward).parameters

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the part of this forward pass in the step's mean cross-entropy."""
        assert not return_outputs
        assert num_items_in_batch is not None
        losses = (self._losses_of_all_logits if self._all_logits_fit else self._losses_in_tiles)(model, inputs)
        if self._by_sequence:
            losses = losses * _shares(inputs)
        # Labels are counted over all processes, over which gradients are averaged.
        whole = self._batch_size if self._by_sequence else num_items_in_batch
        return losses.sum() * self.accelerator.num_processes / whole

    def _losses_of_all_logits(self, model: Any, inputs: Any) -> Any:
        """Return the cross-entropy at each position but the last [rows, length - 1]; 0 without a label."""
        targets = inputs["labels"][:, 1:]
        predicting = (targets != IGNORED).any(dim=0).nonzero().squeeze(-1)
        logits = model(**_without_labels(inputs), use_cache=False, logits_to_keep=predicting).logits
        losses = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1).float(), targets[:, predicting].flatten(), ignore_index=IGNORED, reduction="none"
        )
        return losses.new_zeros(targets.shape).index_copy(1, predicting, losses.view(len(targets), -1))

    @staticmethod
    def _losses_in_tiles(model: Any, inputs: Any) -> Any:
        """Return the same, computed by TRL's fused head."""
        return -model(**inputs, use_cache=False, fused_lm_head=True).log_probs

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write no card: it would describe a model that is not published."""

    def _get_train_sampler(self, *_: Any) -> Any:
        rows: Any = self.train_dataset
        return SequentialSampler(rows)


def _without_labels(inputs: Any) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if name != "labels"}


def _shares(inputs: Any) -> Any:
    """Return the weight of each position in its sequence's mean [rows, length - 1]: 1 / number of labels."""
    labelled = inputs["labels"][:, 1:] != IGNORED
    if "position_ids" in inputs:  # one packed row: a sequence begins where positions do
        sequence = (inputs["position_ids"] == 0).cumsum(dim=1)[:, 1:] - 1
    else:
        sequence = torch.arange(len(labelled), device=labelled.device)[:, None].expand_as(labelled)
    labels = torch.bincount(sequence.flatten(), weights=labelled.flatten().float())
    return labelled / labels.clamp(min=1)[sequence]


class Watch(TrainerCallback):
    """Reports each step, records its metrics, stops at a loss that is not finite, and marks complete saved states."""

    def __init__(self, report: Report, *, packing: bool, metrics: MetricsFile, tokens: Sequence[int]) -> None:
        self._report, self._packing, self._metrics = report, packing, metrics
        self._tokens = tokens
        self._began = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Refuse packing if the model does not keep the sequences apart."""
        if self._packing:
            check_packing(model, half=args.bf16)
        if state.is_world_process_zero:
            self._metrics.begin_after(state.global_step)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Record when the step begins."""
        self._began = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Check the loss of a step and record its metrics."""
        if "loss" not in (logs or {}):
            return
        if not math.isfinite(logs["loss"]):
            # The last saved state may hold the broken weights: a resumed run must start from an earlier one.
            (_state_folder(args, state.global_step - 1) / COMPLETE).unlink(missing_ok=True)
            raise InfrastructureError(
                f"the loss is {logs['loss']} at step {state.global_step}",
                next_step="lower lr= or look at the samples; nothing was registered",
            )
        if state.is_world_process_zero:
            rate = int(self._tokens[state.global_step - 1]) / (time.monotonic() - self._began)
            metrics = {"step": state.global_step, "loss": logs["loss"], "lr": logs["learning_rate"]}
            self._metrics.add(metrics | {"tokens_per_s": round(rate, 1), "grad_norm": logs.get("grad_norm")})
        self._report(state.global_step, state.max_steps, f"loss {logs['loss']:.4f}")

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Mark the state as complete once every process has written its part."""
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
        if state.is_world_process_zero:
            storage.flush_folder(saved := _state_folder(args, state.global_step))
            (saved / COMPLETE).touch()


def _state_folder(args: Any, step: int) -> Path:
    return Path(args.output_dir) / f"checkpoint-{step}"
