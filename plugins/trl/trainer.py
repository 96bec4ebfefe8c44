"""Fine-tune with TRL on the sampler's token ids; no text is tokenised again."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from ssd_harness.distill.ranks import own_rank
from ssd_harness.distill.training_metrics import MetricsFile
from ssd_harness.engines import loading, quantization
from ssd_harness.errors import InfrastructureError
from ssd_harness.extensions.contracts import Report, Sample
from ssd_harness.plugins.trl import checkpoint, training_arguments
from ssd_harness.plugins.trl.rows import Packed, Padded, Written, training_order, write_rows
from ssd_harness.recipe.definition import Recipe

_ROWS, _WRITTEN = "rows.arrow", "rows.json"
_WAIT_FOR_ROWS = timedelta(hours=2)


class TrlTrainer:
    """AdamW with warm-up and cosine decay to the minimum learning rate; cross-entropy on the completion only.

    Processes that torchrun started share the batch of each step.
    """

    def __init__(self, model_folder: Path, recipe: Recipe) -> None:
        self._folder, self._recipe, self._rank = model_folder, recipe, own_rank()
        self._device = loading.pick_device(recipe.device)
        self._on_cpu = self._device.startswith("cpu")
        # Each kind of sharding has its own format of saved states.
        self._state = "state" if recipe.shared == "none" else f"state-{recipe.shared}"

    def train(self, samples: Iterable[Sample], folder: Path, report: Report) -> Mapping[str, Any]:
        """Train from the last saved state, if there is one, and write ``folder / "checkpoint"``."""
        written = self._rows(samples, folder)
        if not written.rows:
            raise InfrastructureError(
                "every sample's prompt fills max_length_train alone", where=folder, next_step="raise max_length_train="
            )
        trainer, plan = self._trainer(folder, written, report)
        last = checkpoint.last_state(folder / self._state)
        result = trainer.train(resume_from_checkpoint=str(last) if last else None)
        checkpoint.write(trainer, self._folder, self._recipe, folder, self._rank)
        if self._rank.first:
            (folder / _ROWS).unlink()
        return {
            "rows": written.rows,
            "too_long": written.skipped,
            **asdict(plan),
            "processes": self._rank.count,
            "sharding": self._recipe.shared,
            "packing": self._recipe.packing,
            "resumed_from": last.name if last else None,
            "loss_weighting": self._recipe.loss_weighting,
            "losses": [entry["loss"] for entry in trainer.state.log_history if "loss" in entry],
            "train_s": round(result.metrics["train_runtime"], 1),
            "device": self._device,
            "adapter": "merged" if self._recipe.lora_rank else None,
        }

    def _rows(self, samples: Iterable[Sample], folder: Path) -> Written:
        """Write the rows in the first process, while the others wait."""
        if self._on_cpu and self._rank.count > 1:
            os.environ["ACCELERATE_USE_CPU"] = "true"  # else accelerate treats processes on a CPU as separate runs
        from accelerate import PartialState

        state = PartialState(cpu=self._on_cpu, **({"timeout": _WAIT_FOR_ROWS} if self._rank.count > 1 else {}))
        if self._recipe.shared == "zero3":
            import deepspeed

            # DeepSpeed keeps track of the processes itself; this makes it use the existing group.
            deepspeed.init_distributed(dist_backend="gloo" if self._on_cpu else "nccl")
        if self._rank.first:
            written = write_rows(samples, folder / _ROWS, self._recipe.max_length_train)
            (folder / _WRITTEN).write_text(json.dumps(asdict(written)), "utf-8")
        state.wait_for_everyone()
        return Written(**json.loads((folder / _WRITTEN).read_text("utf-8")))

    def _trainer(self, folder: Path, written: Written, report: Report) -> tuple[Any, training_arguments.Schedule]:
        import datasets

        from ssd_harness.plugins.trl.completion_trainer import CompletionTrainer, Watch

        recipe = self._recipe
        plan = training_arguments.schedule(recipe, written.rows, self._rank.count)
        # Before the model, because these settings of FSDP and DeepSpeed decide how it is loaded.
        arguments = training_arguments.arguments(
            recipe, folder / self._state, plan, processes=self._rank.count, on_cpu=self._on_cpu
        )
        tokenizer = loading.load_tokenizer(self._folder, trust_remote_code=recipe.trust_remote_code)
        padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id or 0
        rows = datasets.Dataset.from_file(str(folder / _ROWS))
        order = training_order(written.rows, plan.steps * recipe.batch_size_train, recipe.seed)
        tokens = _tokens(rows, order, plan.steps)
        watch = Watch(report, packing=recipe.packing, metrics=MetricsFile(folder), tokens=tokens)
        trainer = CompletionTrainer(
            longest_row=written.longest,
            model=self._model(arguments),
            args=arguments,
            train_dataset=rows.select(order),
            data_collator=Packed() if recipe.packing else Padded(padding),
            processing_class=tokenizer,
            peft_config=training_arguments.lora(recipe),
            loss_weighting=recipe.loss_weighting,
            batch_size=recipe.batch_size_train,
            callbacks=[watch],
        )
        trainer.processing_class = None  # a saved state needs no tokenizer, and some tokenizers cannot be saved
        return trainer, plan

    def _model(self, arguments: Any) -> Any:
        import torch

        recipe = self._recipe
        if recipe.shared == "fsdp2":
            os.environ["ACCELERATE_USE_FSDP"] = "true"  # only the first process reads the weights
        half = training_arguments.computes_in_half(recipe, on_cpu=self._on_cpu)
        # A frozen base below adapters needs no more precision than the computation.
        exact = half and not recipe.lora_rank
        options: dict[str, Any] = {"attn_implementation": recipe.attention} if recipe.attention else {}
        if recipe.lora_quantize:
            # A base that is stored in four bits is loaded unchanged.
            four_bits = {"quantization_config": training_arguments.four_bits()}
            options |= {} if quantization.method_of(self._folder) else four_bits
        return loading.load_model(
            self._folder,
            device=str(arguments.device) if recipe.shared == "none" else "cpu",
            dtype=torch.float32 if exact else loading.pick_dtype(recipe.dtype_train, self._device),
            dequantize=recipe.dequantize and not recipe.lora_quantize,
            trust_remote_code=recipe.trust_remote_code,
            **options,
        )


def _tokens(rows: Any, order: Any, steps: int) -> Any:
    """Return how many tokens each step trains on, without padding."""
    import numpy as np
    import pyarrow.compute

    lengths = np.asarray(pyarrow.compute.list_value_length(rows.data.column("input_ids")))
    return lengths[order].reshape(steps, -1).sum(axis=1)
