"""``lm_eval --model ssd-hf``: sample from the model, fine-tune it on the samples, evaluate the result."""

import functools
import os
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from ssd_harness.engines import chat, loading
from ssd_harness.engines.choice import TRANSFORMERS, VLLM
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Engine
from ssd_harness.harness.models.arguments import split_arguments
from ssd_harness.harness.models.engine_choice import VLLM_ARGUMENTS, engine_for
from ssd_harness.harness.models.model_under_test import find_subject
from ssd_harness.harness.models.random_state import kept_random_state
from ssd_harness.harness.models.responder import Responder, log


class SsdHf(HFLM):
    """lm-eval's Hugging Face model, with the transform before it and seeded samples for our own tasks.

    Takes any field of the recipe and any argument of HFLM; without ``pretrained``, SSD_HARNESS_PRETRAINED decides.
    Where the engine is vLLM, making one makes an :class:`~ssd_harness.harness.models.vllm.SsdVllm`.
    """

    def __new__(cls, pretrained: str | None = None, **arguments: Any) -> Any:
        """Return the model class of the chosen engine: lm-eval's command names ``ssd-hf`` for both."""
        if (choice := engine_for(arguments)).name != VLLM:
            return super().__new__(cls)
        from ssd_harness.harness.models.vllm import SsdVllm

        return SsdVllm(pretrained, **{**arguments, "engine": choice})

    def __init__(
        self, pretrained: str | None = None, *, name: str | None = None, revision: str | None = None, **arguments: Any
    ) -> None:
        choice = engine_for(arguments)
        overrides, rest = split_arguments(arguments, HFLM, elsewhere=VLLM_ARGUMENTS, engine=choice)
        # No device is touched before this is done: of several ranks, one works in other processes, the others wait.
        with kept_random_state():
            self.subject = find_subject(
                pretrained, overrides, name=name, revision=revision, choice=choice, arguments=rest
            )
        self._given_device = rest.get("device")
        rest["device"] = loading.pick_device(self._given_device)
        if self._given_device and not rest["device"].startswith(str(self._given_device).partition(":")[0]):
            log.warning("device=%s is not available here; the evaluation uses %s", self._given_device, rest["device"])
        if rest["device"].startswith("cpu"):
            rest.setdefault("dtype", "float32")  # half precision is slow there, and no two batches agree
            if int(os.environ.get("WORLD_SIZE", "1")) > 1:
                # Without this word accelerate takes ranks on a CPU for so many runs of their own.
                os.environ.setdefault("ACCELERATE_USE_CPU", "true")
        recipe = self.subject.recipe
        # lm-eval's own rendering (--apply_chat_template) is handed what ours is.
        rest["chat_template_args"] = recipe.template_values
        super().__init__(pretrained=str(self.subject.folder), **rest)
        if self._device.type == "cpu" and hasattr(self, "accelerator"):
            # HFLM shares the documents out among GPUs alone; ranks on the CPU would each answer all of them.
            self._rank, self._world_size = self.accelerator.process_index, self.accelerator.num_processes

        self._responder = Responder(
            name="ssd-hf",
            engine=plugin_manager.lookup(Engine, TRANSFORMERS)
            .factory()
            .wrap(
                self.model,
                stop_ids=loading.stop_ids(self.subject.folder, self.tokenizer),
                rows=self.batch_size if isinstance(self.batch_size, int) and self.batch_size > 1 else None,
            ),
            tokenizer=self.tokenizer,
            subject=self.subject,
            context=self.max_length,
            encode=self.tok_encode,
            thinking_end=self.think_end_token,
            rank=self.rank,
        )

    def apply_chat_template(self, *arguments: Any, **named: Any) -> str:
        """Render a chat as lm-eval does (``--apply_chat_template``), on the recipe's date."""
        with chat.frozen_date(self.subject.recipe.template_date):
            return str(super().apply_chat_template(*arguments, **named))

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """Answer all requests: ours, which carry ``messages``, by the seeded engine; others as lm-eval does."""
        lm_evals = functools.partial(super().generate_until, disable_tqdm=disable_tqdm)
        return self._responder.respond(requests, lm_evals, quiet=disable_tqdm)

    def get_model_info(self) -> dict[str, Any]:
        """Return lm-eval's description, and where the evaluated model and its generations came from."""
        device = {"used": str(self.device), "given": self._given_device}
        return {
            **super().get_model_info(),
            "ssd": {**self.subject.about, "device": device, **self._responder.describe()},
        }
