"""The vLLM engine: one seeded request a continuation; vLLM batches them as it likes."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from importlib.util import find_spec
from itertools import count, islice
from pathlib import Path
from typing import Any

from ssd_harness.engines.contracts import Continuation, Decoding, GenerationRequest, Stop
from ssd_harness.engines.random_streams import stream_key
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.printable import first_line

_LOWEST_TEMPERATURE = 0.01
"""vLLM silently draws at this temperature where a lower one, but not a greedy one, is asked for."""
_WAITING = 2
"""Requests at hand, as a multiple of the sequences that vLLM runs side by side: a free place is filled at once."""


def require_vllm() -> None:
    """Raise :class:`UsageError` where vLLM is not installed."""
    if find_spec("vllm") is None:
        raise UsageError("vLLM is not installed", next_step="pip install 'ssd-harness[hf,vllm]'")


def vllm_version() -> str:
    """Return the version of vLLM, under whatever name its distribution is installed."""
    import vllm

    return str(vllm.__version__)


def device_type() -> str:
    """Return the kind of device that vLLM works on here, such as ``cuda`` or ``cpu``."""
    from vllm.platforms import current_platform

    return str(current_platform.device_type)


def engine_defaults() -> dict[str, Any]:
    """Return what vLLM is started with on this machine where nobody says otherwise.

    On a CPU, no two batches agree in half precision, and compiling costs more than it gains.
    """
    require_vllm()
    from vllm.platforms import current_platform

    return {"dtype": "float32", "enforce_eager": True} if current_platform.is_cpu() else {}


def load_llm(folder: str | Path, *, dtype: str = "auto", max_model_len: int | None = None, **options: Any) -> Any:
    """Start vLLM on a local model folder.

    ``max_model_len`` is how many tokens a sequence may have, where the model's own context is not shorter. ``options``
    are vLLM's.
    """
    defaults = engine_defaults()
    from transformers import AutoConfig
    from vllm import LLM

    given = {name: value for name, value in options.items() if value is not None}
    if dtype != "auto":
        given["dtype"] = dtype
    try:
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=bool(given.get("trust_remote_code")))
        own = getattr(config.get_text_config(), "max_position_embeddings", None)
        lengths = [length for length in (own, max_model_len) if length]
        return LLM(model=str(folder), max_model_len=min(lengths, default=None), **{**defaults, **given})
    except (OSError, RuntimeError, ValueError) as error:
        raise InfrastructureError(f"vLLM cannot start: {first_line(error)}", where=folder) from error


def check_arguments(folder: str | Path, arguments: Mapping[str, Any]) -> None:
    """Raise :class:`UsageError` for an argument that vLLM would refuse for the model whose settings are in ``folder``.

    vLLM puts its whole configuration together, as it does at its start; no weight is read and no device is touched.
    """
    from vllm.engine.arg_utils import EngineArgs

    named = {"max_model_len": arguments.get("max_length"), **arguments}
    known = {one.name for one in fields(EngineArgs)} - {"model"}
    given = {name: value for name, value in named.items() if name in known and value is not None}
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # vLLM says all of it again when it starts
    try:
        EngineArgs(model=str(folder), **{**engine_defaults(), **given}).create_engine_config()
    except (TypeError, ValueError) as error:
        what = f"vLLM refuses the arguments: {_reason(error)}"
        raise UsageError(what, next_step="correct them in --model_args, or leave them out") from error
    finally:
        logging.disable(before)


def _reason(error: Exception) -> str:
    """Return one line; pydantic's own names the field and what was expected."""
    found = error.errors() if hasattr(error, "errors") else []
    if not found:
        return first_line(error)
    return "; ".join(": ".join([*map(str, one["loc"]), f"{one['msg']}{_got(one.get('input'))}"]) for one in found)


def _got(value: Any) -> str:
    return f", got {value!r}" if isinstance(value, str | int | float) else ""


class VllmEngine:
    """Draws continuations from a ``vllm.LLM``; ``stop_ids`` end a sample, and nothing else does.

    The seed of each request comes from run seed, prompt and sample number, so that the batch does not matter; which
    tokens it draws is vLLM's own business, and others than the Hugging Face engine's. The prompt of several samples is
    read once where vLLM's prefix cache is on, as it is by default.
    """

    name = "vllm"
    version = 1

    def __init__(self, llm: Any, *, stop_ids: Iterable[int]) -> None:
        self._engine = llm.llm_engine
        self._names = map(str, count())
        self.stop_ids = frozenset(stop_ids)

    @property
    def context(self) -> int:
        """How many tokens prompt and continuation may have together."""
        return int(self._engine.model_config.max_model_len)

    @property
    def dtype(self) -> str:
        """The precision of the weights."""
        return str(self._engine.model_config.dtype).removeprefix("torch.")

    @property
    def device(self) -> str:
        """The kind of device, and on how many the model is spread."""
        config = self._engine.vllm_config
        kind = str(config.device_config.device_type)
        spread = config.parallel_config.world_size
        return kind if spread == 1 else f"{spread} x {kind}"

    def identity(self) -> Mapping[str, Any]:
        """Return the engine's version, the precision and the tokens that end a sample."""
        return {
            "engine": f"{self.name}@{self.version}",
            "dtype": self.dtype,
            "quantization": self._engine.model_config.quantization,
            "stop_ids": sorted(self.stop_ids),
        }

    def generate(self, requests: Iterable[GenerationRequest], decoding: Decoding, seed: int) -> Iterator[Continuation]:
        """Yield each request's continuation as it finishes; what is not waited for any more is given up."""
        from vllm.v1.engine.exceptions import EngineDeadError

        source = iter(requests)
        running: dict[str, GenerationRequest] = {}
        most = _WAITING * self._engine.vllm_config.scheduler_config.max_num_seqs
        try:
            while True:
                for request in islice(source, most - len(running)):
                    running[self._add(request, decoding, seed)] = request
                if not running:
                    return
                for output in self._engine.step():
                    if output.finished:
                        yield _continuation(running.pop(output.request_id), output.outputs[0])
        except EngineDeadError as error:
            running.clear()
            next_step = "its own output says why; run the same command again"
            raise InfrastructureError(f"vLLM died: {error}", next_step=next_step) from error
        finally:
            if running:
                self._engine.abort_request(list(running))

    def _add(self, request: GenerationRequest, decoding: Decoding, seed: int) -> str:
        from vllm import TokensPrompt

        name = next(self._names)
        prompt = TokensPrompt(prompt_token_ids=list(request.prompt_ids))
        (rendered,) = self._engine.renderer.render_cmpl([prompt])
        parameters = sampling_parameters(decoding, stream_key(seed, request.key, request.index), self.stop_ids)
        self._engine.add_request(name, rendered, parameters)
        return name


def sampling_parameters(decoding: Decoding, seed: int, stop_ids: Iterable[int]) -> Any:
    """Return vLLM's parameters for one continuation; of ``seed``, 63 bits count."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    if not decoding.greedy and decoding.temperature < _LOWEST_TEMPERATURE:
        raise UsageError(
            f"vLLM cannot draw at temperature {decoding.temperature:g}",
            next_step=f"choose 0 or at least {_LOWEST_TEMPERATURE}",
        )
    return SamplingParams(
        temperature=0.0 if decoding.greedy else decoding.temperature,
        top_k=decoding.top_k or 0,
        top_p=decoding.top_p,
        max_tokens=decoding.max_new_tokens,
        seed=seed % 2**63,
        stop_token_ids=sorted(stop_ids),
        ignore_eos=True,  # those that count are among the stop tokens
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def _continuation(request: GenerationRequest, output: Any) -> Continuation:
    if output.finish_reason not in {"stop", "length"}:
        raise InfrastructureError(f"vLLM ended a sample of {request.key!r} as {output.finish_reason!r}")
    stop = Stop.LENGTH if output.finish_reason == "length" else Stop.EOS
    return Continuation(request, tuple(output.token_ids), stop)
