"""``lm_eval --model ssd-vllm``: like ssd-hf, with vLLM for training samples and generations."""

import importlib
import importlib.metadata
import inspect
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ssd_harness.engines import loading
from ssd_harness.engines.choice import AUTO, VLLM, EngineChoice
from ssd_harness.errors import UsageError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Engine
from ssd_harness.harness.models import class_arguments
from ssd_harness.harness.models.engine_choice import transformers_arguments
from ssd_harness.harness.models.model_args import split_arguments
from ssd_harness.harness.models.model_under_test import prepare_model
from ssd_harness.harness.models.random_state import kept_random_state
from ssd_harness.harness.models.responder import Responder, SeededModel
from ssd_harness.recipe.resolution import requested_value

_BACKEND = plugin_manager.lookup(Engine, VLLM).factory()


def _lm_evals_class() -> Any:
    """Import lm-eval's class, which looks up the version of the distribution ``vllm``: some builds have other names."""
    _BACKEND.defaults()  # makes vLLM detect its platform first, which uses the lookup that is replaced below
    installed = importlib.metadata.version

    def version(distribution_name: str) -> str:
        try:
            return installed(distribution_name)
        except importlib.metadata.PackageNotFoundError:
            if distribution_name != "vllm":
                raise
            return _BACKEND.version()

    importlib.metadata.version = version  # lm-eval's module imports this function and keeps it
    try:
        return importlib.import_module("lm_eval.models.vllm_causallms").VLLM
    finally:
        importlib.metadata.version = installed


LmEvalVllm: Any = _lm_evals_class()

_REFUSED = {
    "lora_local_path": "train adapters with lora_rank=, or merge first and give the merged folder",
    "data_parallel_size": "spread the model over the GPUs with tensor_parallel_size=",
}


class SsdVllm(SeededModel, LmEvalVllm):
    """lm-eval's vLLM model, with the transform before it and seeded samples for our own tasks.

    Takes any field of the recipe, any argument of lm-eval's class and of vLLM's engine. Unless the recipe says
    otherwise, vLLM generates the training samples too, and ``tensor_parallel_size`` GPUs sample and train.
    """

    def __init__(
        self,
        pretrained: str | None = None,
        *,
        name: str | None = None,
        revision: str | None = None,
        engine: str | EngineChoice = VLLM,
        **arguments: Any,
    ) -> None:
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise UsageError(
                "ssd-vllm is one process, which starts its workers itself",
                next_step="run lm_eval without a launcher, with tensor_parallel_size= in --model_args",
            )
        choice = _own_choice(engine, arguments)
        overrides, rest = split_arguments(
            arguments,
            LmEvalVllm,
            further=_BACKEND.model_arguments(),
            refused=_REFUSED,
            elsewhere=transformers_arguments(),
            engine=choice,
        )
        # Before vLLM starts: sampling and training need the accelerator for themselves.
        with kept_random_state():
            self.under_test = prepare_model(
                pretrained,
                overrides,
                name=name,
                revision=revision,
                choice=choice,
                arguments=rest,
            )
            self._given_device = rest.pop("device", None)  # vLLM chooses its devices itself
            if str(rest.get("batch_size", 1)) == "1":
                rest["batch_size"] = "auto"  # lm-eval's command line passes 1 by default: one request at a time
            recipe = self.under_test.recipe
            rest["chat_template_args"] = recipe.template_values
            super().__init__(pretrained=str(self.under_test.folder), **{**_BACKEND.defaults(), **rest})

        generation = _BACKEND.wrap(self.model, stop_ids=loading.stop_ids(self.under_test.folder, self.tokenizer))
        self._responder = Responder(
            name="ssd-vllm",
            engine=generation,
            tokenizer=self.tokenizer,
            under_test=self.under_test,
            context_length=generation.context or self.max_length,
            encode=self.tok_encode,
            thinking_end=self.think_end_token,
            rank=self.rank,
        )

    def get_model_info(self) -> dict[str, Any]:
        """Return the provenance of the evaluated model and its generations."""
        device = {"used": _BACKEND.device_type(), "given": self._given_device}
        return {
            "vllm_version": _BACKEND.version(),
            "ssd": {**self.under_test.about, "device": device, **self._responder.describe()},
        }


def _own_choice(engine: str | EngineChoice, arguments: Mapping[str, Any]) -> EngineChoice:
    """Return the choice of vLLM; raise :class:`UsageError` if the arguments ask for another engine."""
    if isinstance(engine, EngineChoice):
        choice = engine
    else:
        name = requested_value("engine", {**arguments, "engine": engine})
        if name not in {AUTO, VLLM}:
            raise UsageError(
                f"engine={name} is given, and ssd-vllm is vLLM", next_step="give --model ssd-hf, or leave engine= out"
            )
        choice = EngineChoice(VLLM, "as asked")
    devices = arguments.get("tensor_parallel_size") or 1
    class_arguments.check({"tensor_parallel_size": devices})
    return replace(choice, devices=int(devices))


def vllm_arguments() -> set[str]:
    """Return the arguments that ssd-vllm hands to lm-eval's class or to vLLM's engine."""
    return (set(inspect.signature(LmEvalVllm).parameters) | _BACKEND.model_arguments()) - {"kwargs"}
