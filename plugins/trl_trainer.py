"""Fine-tune with TRL on the sampler's own token ids, without any text path."""

import math
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ssd_harness.distill.contracts import Report, Sample
from ssd_harness.distill.training import CHECKPOINT
from ssd_harness.engines import loading
from ssd_harness.errors import InfrastructureError
from ssd_harness.recipe import Recipe

IGNORED = -100
"""The label of a token that no loss is taken on."""

_STATE, _COMPLETE = "state", "COMPLETE"
_SAVES = 10
_WEIGHTS = {".safetensors", ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".onnx"}


class TrlTrainer:
    """AdamW with warm-up and a cosine to the minimum learning rate; cross-entropy on the completion alone."""

    def __init__(self, model_folder: Path, recipe: Recipe) -> None:
        self._folder, self._recipe = model_folder, recipe
        self._device = loading.pick_device(recipe.device)

    def train(self, samples: Iterable[Sample], folder: Path, report: Report) -> Mapping[str, Any]:
        """Train to the end, from the last saved state if there is one, and write ``folder / "checkpoint"``."""
        rows, skipped = write_rows(samples, folder / "rows.arrow", self._recipe.max_length_train)
        if not rows:
            raise InfrastructureError(
                "every sample's prompt fills max_length_train alone", where=folder, next_step="raise max_length_train="
            )
        trainer, schedule = self._trainer(folder, rows, report)
        last = _last_state(folder / _STATE)
        result = trainer.train(resume_from_checkpoint=str(last) if last else None)
        self._save(trainer.model, folder)
        (folder / "rows.arrow").unlink()
        history = trainer.state.log_history
        return {
            "rows": rows,
            "too_long": skipped,
            **schedule,
            "resumed_from": last.name if last else None,
            "losses": [entry["loss"] for entry in history if "loss" in entry],
            "train_s": round(result.metrics["train_runtime"], 1),
            "device": self._device,
            "adapter": "merged" if self._recipe.lora_rank else None,
        }

    def _trainer(self, folder: Path, rows: int, report: Report) -> tuple[Any, dict[str, int]]:
        import datasets
        import torch
        from trl import SFTConfig, SFTTrainer

        recipe = self._recipe
        on_cpu = self._device.startswith("cpu")
        mixed = recipe.dtype_train == "auto" and not on_cpu
        micro = _largest_divisor(recipe.batch_size_train, recipe.micro_batch_size)
        accumulate = recipe.batch_size_train // micro
        an_epoch = math.ceil(math.ceil(rows / micro) / accumulate)
        steps = recipe.steps or max(1, math.ceil(an_epoch * (recipe.epochs or 1)))
        warmup = recipe.warmup_steps
        if warmup is None or warmup >= steps:
            warmup = steps // 10
        arguments = SFTConfig(
            output_dir=str(folder / _STATE),
            max_steps=steps,
            per_device_train_batch_size=micro,
            gradient_accumulation_steps=accumulate,
            learning_rate=recipe.lr,
            lr_scheduler_type="cosine_with_min_lr",
            lr_scheduler_kwargs={"min_lr": min(recipe.min_lr, recipe.lr)},
            warmup_steps=warmup,
            weight_decay=recipe.weight_decay,
            adam_beta1=recipe.beta1,
            adam_beta2=recipe.beta2,
            optim="adamw_torch",
            max_grad_norm=recipe.max_grad_norm,
            seed=recipe.seed,
            data_seed=recipe.seed,
            bf16=mixed,
            use_cpu=on_cpu,
            gradient_checkpointing=recipe.gradient_checkpointing,
            # The rows are tokenised, labelled and cut already: TRL must not touch them.
            dataset_kwargs={"skip_prepare_dataset": True},
            max_length=None,
            packing=False,
            save_strategy="steps",
            save_steps=recipe.save_steps or max(1, math.ceil(steps / _SAVES)),
            save_total_limit=2,
            logging_steps=1,
            logging_nan_inf_filter=False,
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=not on_cpu,
        )
        model = loading.load_model(
            self._folder,
            device=self._device,
            dtype=torch.float32 if mixed else loading.pick_dtype(recipe.dtype_train, self._device),
            dequantize=recipe.dequantize,
            trust_remote_code=recipe.trust_remote_code,
        )
        trainer = SFTTrainer(
            model=model,
            args=arguments,
            train_dataset=datasets.Dataset.from_file(str(folder / "rows.arrow")),
            processing_class=loading.load_tokenizer(self._folder, trust_remote_code=recipe.trust_remote_code),
            peft_config=_lora(recipe),
            callbacks=[_callback(report)],
        )
        trainer.create_model_card = lambda *_, **__: None  # it would describe a model that nobody sees
        return trainer, {"steps": steps, "warmup_steps": warmup, "micro_batch_size": micro}

    def _save(self, model: Any, folder: Path) -> None:
        """Write the model beside the base's own tokenizer and settings, whole or not at all."""
        from transformers import AutoConfig

        base = AutoConfig.from_pretrained(str(self._folder), trust_remote_code=self._recipe.trust_remote_code)
        if self._recipe.lora_rank:
            model = model.merge_and_unload()
        stored = self._recipe.dtype_checkpoint
        model = model.to(loading.pick_dtype(stored, self._device) if stored != "auto" else base.dtype)
        model.config.pad_token_id = base.pad_token_id  # TRL fills in its own
        scratch, target = folder / "unfinished", folder / CHECKPOINT
        for old in (scratch, target):
            shutil.rmtree(old, ignore_errors=True)
        model.save_pretrained(scratch)
        (scratch / "generation_config.json").unlink(missing_ok=True)
        for file in self._folder.iterdir():
            weights = file.suffix in _WEIGHTS or file.name.endswith(".index.json")
            if file.is_file() and not weights and file.name not in {"config.json", "ssd_manifest.json", "README.md"}:
                shutil.copy2(file, scratch / file.name)
        scratch.rename(target)


def write_rows(samples: Iterable[Sample], path: Path, max_length: int) -> tuple[int, int]:
    """Write ``input_ids`` and ``labels`` of each sample as an Arrow stream; return how many, and how many were skipped.

    A row is the prompt's ids followed by the completion's, as the sampler had them; labels are the completion's. Rows
    are cut at ``max_length``; one with no completion left is skipped. No EOS is added: where the sampler drew one, it
    is there.
    """
    import pyarrow as pa

    ids = pa.list_(pa.int32())
    schema = pa.schema([("input_ids", ids), ("labels", ids)])
    rows = skipped = 0
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        for sample in samples:
            if len(sample.prompt_ids) >= max_length or not sample.token_ids:
                skipped += 1
                continue
            input_ids = [*sample.prompt_ids, *sample.token_ids][:max_length]
            labels = [*[IGNORED] * len(sample.prompt_ids), *sample.token_ids][:max_length]
            writer.write_batch(pa.record_batch([[input_ids], [labels]], schema=schema))
            rows += 1
    return rows, skipped


def _callback(report: Report) -> Any:
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        """Reports each step, stops at a loss that is no number, and marks saved states that are whole."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
            if "loss" not in (logs or {}):
                return
            if not math.isfinite(logs["loss"]):
                raise InfrastructureError(
                    f"the loss is {logs['loss']} at step {state.global_step}",
                    next_step="lower lr= or look at the samples; nothing was registered",
                )
            report(state.global_step, state.max_steps, f"loss {logs['loss']:.4f}")

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / _COMPLETE).touch()

    return Watch()


def _last_state(folder: Path) -> Path | None:
    """Return the newest saved state that was written to its end."""
    states = [path.parent for path in folder.glob(f"checkpoint-*/{_COMPLETE}")]
    return max(states, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _lora(recipe: Recipe) -> Any:
    if not recipe.lora_rank:
        return None
    from peft import LoraConfig

    named = recipe.lora_targets.split("+")
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha or 2 * recipe.lora_rank,
        lora_dropout=recipe.lora_dropout,
        target_modules=recipe.lora_targets if named == ["all-linear"] else named,
    )


def _largest_divisor(number: int, limit: int) -> int:
    return next(candidate for candidate in range(min(number, limit), 0, -1) if number % candidate == 0)
