"""vLLM as a backend of generation: start it, and answer for its arguments."""

import inspect
import logging
from collections.abc import Iterable, Mapping
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ssd_harness.engines.contracts import LoadOptions
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.plugins.vllm_engine.engine import VllmEngine
from ssd_harness.printable import first_line

_PROMPT_TOKENS = 8192
"""Least room for a prompt in tokens; if continuations may be longer, a prompt may be as long as a continuation."""


class VllmBackend:
    """Starts vLLM; see :class:`ssd_harness.engines.contracts.EngineBackend`."""

    def require(self) -> None:
        """Raise :class:`UsageError` if vLLM is not installed."""
        if find_spec("vllm") is None:
            raise UsageError("vLLM is not installed", next_step="pip install 'ssd-harness[hf,vllm]'")

    def load(self, folder: Path, options: LoadOptions, *, stop_ids: Iterable[int]) -> VllmEngine:
        """Start vLLM on the device that this process sees; ``options.device`` and ``dequantize`` are not used."""
        self.require()
        from transformers import AutoConfig
        from vllm import LLM

        longest = options.max_new_tokens
        # vLLM reserves memory for one sequence of the whole context, which is more than samples ever take.
        room = longest + max(longest, _PROMPT_TOKENS)
        arguments: dict[str, Any] = {"trust_remote_code": options.trust_remote_code}
        arguments |= {"max_num_seqs": options.rows} if options.rows else {}
        arguments |= {"dtype": options.dtype} if options.dtype != "auto" else {}
        try:
            config = AutoConfig.from_pretrained(str(folder), trust_remote_code=options.trust_remote_code)
            context = getattr(config.get_text_config(), "max_position_embeddings", None) or room
            llm = LLM(model=str(folder), max_model_len=min(context, room), **{**self.defaults(), **arguments})
        except (OSError, RuntimeError, ValueError) as error:
            raise InfrastructureError(f"vLLM cannot start: {first_line(error)}", where=folder) from error
        return self.wrap(llm, stop_ids=stop_ids)

    def wrap(self, model: Any, *, stop_ids: Iterable[int], rows: int | None = None) -> VllmEngine:
        """Return an engine over a ``vllm.LLM``, which decides by itself how many sequences run side by side."""
        del rows
        return VllmEngine(model, stop_ids=stop_ids)

    def model_arguments(self) -> frozenset[str]:
        """Return the fields of ``EngineArgs`` without the model."""
        self.require()
        from vllm.engine.arg_utils import EngineArgs

        return frozenset(field.name for field in fields(EngineArgs)) - {"model"}

    def check_model_arguments(self, folder: Path, arguments: Mapping[str, Any]) -> None:
        """Raise :class:`UsageError` for an argument that vLLM refuses for the model in ``folder``.

        vLLM builds its whole configuration, as it does when it starts. No weights are read and no device is used.
        """
        from vllm.engine.arg_utils import EngineArgs

        translated = {"max_model_len": arguments.get("max_length"), **arguments}
        accepted = self.model_arguments()
        engine_arguments = {name: value for name, value in translated.items() if name in accepted and value is not None}
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)  # vLLM repeats its warnings when it starts
        try:
            EngineArgs(model=str(folder), **{**self.defaults(), **engine_arguments}).create_engine_config()
        except (TypeError, ValueError) as error:
            what = f"vLLM refuses the arguments: {_reason(error)}"
            raise UsageError(what, next_step="correct them in --model_args, or leave them out") from error
        finally:
            logging.disable(before)

    def generation_arguments(self) -> frozenset[str]:
        """Return the parameters of ``SamplingParams``, and ``do_sample``, which lm-eval translates."""
        from vllm import SamplingParams

        return frozenset({*inspect.signature(SamplingParams).parameters, "do_sample"})

    def defaults(self) -> Mapping[str, Any]:
        """Return float32 without compilation on a CPU.

        No two batches agree in half precision there, and compiling costs more than it gains.
        """
        self.require()
        from vllm.platforms import current_platform

        return {"dtype": "float32", "enforce_eager": True} if current_platform.is_cpu() else {}

    def version(self) -> str:
        """Return the version of vLLM, whatever its distribution is called."""
        import vllm

        return str(vllm.__version__)

    def device_type(self) -> str:
        """Return the kind of device that vLLM uses here, such as ``cuda`` or ``cpu``."""
        from vllm.platforms import current_platform

        return str(current_platform.device_type)


def _reason(error: Exception) -> str:
    """Return one line; pydantic's errors name the field and what was expected."""
    details = error.errors() if hasattr(error, "errors") else []
    if not details:
        return first_line(error)
    return "; ".join(": ".join([*map(str, item["loc"]), f"{item['msg']}{_got(item.get('input'))}"]) for item in details)


def _got(value: Any) -> str:
    return f", got {value!r}" if isinstance(value, str | int | float) else ""
