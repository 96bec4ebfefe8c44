"""``lm_eval --model ssd-hf``: sample from the model, fine-tune it on the samples, evaluate the result."""

import os
from typing import Any

from lm_eval.models.huggingface import HFLM

from ssd_harness.engines import loading
from ssd_harness.engines.choice import TRANSFORMERS, VLLM
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Engine
from ssd_harness.harness.models.engine_choice import VLLM_ARGUMENTS, engine_for
from ssd_harness.harness.models.model_args import split_arguments
from ssd_harness.harness.models.model_under_test import prepare_model
from ssd_harness.harness.models.random_state import kept_random_state
from ssd_harness.harness.models.responder import Responder, SeededModel, log


class SsdHf(SeededModel, HFLM):
    """lm-eval's Hugging Face model, with the transform before it and seeded samples for our own tasks.

    Takes any field of the recipe and any argument of HFLM. Without ``pretrained`` it evaluates the model named by
    SSD_HARNESS_PRETRAINED. With the vLLM engine the constructor returns an
    :class:`~ssd_harness.harness.models.vllm.SsdVllm`.
    """

    def __new__(cls, pretrained: str | None = None, **arguments: Any) -> Any:
        """Return an instance for the chosen engine: ``--model ssd-hf`` stands for both engines."""
        if (choice := engine_for(arguments)).name != VLLM:
            return super().__new__(cls)
        from ssd_harness.harness.models.vllm import SsdVllm

        return SsdVllm(pretrained, **{**arguments, "engine": choice})

    def __init__(
        self, pretrained: str | None = None, *, name: str | None = None, revision: str | None = None, **arguments: Any
    ) -> None:
        choice = engine_for(arguments)
        overrides, rest = split_arguments(arguments, HFLM, elsewhere=VLLM_ARGUMENTS, engine=choice)
        # The transform runs in other processes, started by one rank while the others wait; no device is in use yet.
        with kept_random_state():
            self.under_test = prepare_model(
                pretrained, overrides, name=name, revision=revision, choice=choice, arguments=rest
            )
        self._given_device = rest.get("device")
        rest["device"] = loading.pick_device(self._given_device)
        if self._given_device and not rest["device"].startswith(str(self._given_device).partition(":")[0]):
            log.warning("device=%s is not available here; the evaluation uses %s", self._given_device, rest["device"])
        if rest["device"].startswith("cpu"):
            rest.setdefault("dtype", "float32")  # half precision is slow there, and results depend on the batch
            if int(os.environ.get("WORLD_SIZE", "1")) > 1:
                # Without this, accelerate treats ranks on a CPU as separate runs.
                os.environ.setdefault("ACCELERATE_USE_CPU", "true")
        recipe = self.under_test.recipe
        # lm-eval's own rendering (--apply_chat_template) gets the same values as ours.
        rest["chat_template_args"] = recipe.template_values
        super().__init__(pretrained=str(self.under_test.folder), **rest)
        if self._device.type == "cpu" and hasattr(self, "accelerator"):
            # HFLM splits the documents among GPUs only; without this, each rank on a CPU would answer all of them.
            self._rank, self._world_size = self.accelerator.process_index, self.accelerator.num_processes

        self._responder = Responder(
            name="ssd-hf",
            engine=plugin_manager.lookup(Engine, TRANSFORMERS)
            .factory()
            .wrap(
                self.model,
                stop_ids=loading.stop_ids(self.under_test.folder, self.tokenizer),
                rows=self.batch_size if isinstance(self.batch_size, int) and self.batch_size > 1 else None,
            ),
            tokenizer=self.tokenizer,
            under_test=self.under_test,
            context_length=self.max_length,
            encode=self.tok_encode,
            thinking_end=self.think_end_token,
            rank=self.rank,
        )

    def get_model_info(self) -> dict[str, Any]:
        """Return lm-eval's description, and the provenance of the model and its generations."""
        device = {"used": str(self.device), "given": self._given_device}
        return {
            **super().get_model_info(),
            "ssd": {**self.under_test.about, "device": device, **self._responder.describe()},
        }
