"""The vLLM engine: one seeded request for each continuation; vLLM batches them as it likes."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count, islice
from typing import Any

from ssd_harness.engines.contracts import Continuation, Decoding, GenerationRequest, Stop
from ssd_harness.engines.random_streams import stream_key
from ssd_harness.errors import InfrastructureError, UsageError

_LOWEST_TEMPERATURE = 0.01
"""Below it vLLM silently samples at this temperature, unless decoding is greedy."""
_WAITING = 2
"""Requests in the queue, as a multiple of the sequences that vLLM runs at the same time, so that it is always full."""


class VllmEngine:
    """Generates with a ``vllm.LLM``. Only ``stop_ids`` end a sample.

    The seed of each request is derived from the run's seed, the prompt and the sample's number, so that the batch does
    not matter. vLLM uses its own random numbers, so its tokens differ from those of the transformers engine. With
    vLLM's prefix cache, on by default, the prompt of several samples is computed once.
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
        """The kind of device, and how many the model is spread over."""
        config = self._engine.vllm_config
        kind = str(config.device_config.device_type)
        spread = config.parallel_config.world_size
        return kind if spread == 1 else f"{spread} x {kind}"

    def describe(self) -> Mapping[str, str]:
        """Return device, precision and the version of vLLM."""
        import vllm

        return {"device": self.device, "dtype": self.dtype, "vllm": str(vllm.__version__)}

    def identity(self) -> Mapping[str, Any]:
        """Return the engine's version, the precision and the tokens that end a sample."""
        return {
            "engine": f"{self.name}@{self.version}",
            "dtype": self.dtype,
            "quantization": self._engine.model_config.quantization,
            "stop_ids": sorted(self.stop_ids),
        }

    def generate(self, requests: Iterable[GenerationRequest], decoding: Decoding, seed: int) -> Iterator[Continuation]:
        """Yield each request's continuation as it finishes; abort the rest if the caller stops early."""
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
            next_step = "see its output above, then run the same command again"
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
    """Return vLLM's parameters for one continuation; the lowest 63 bits of ``seed`` are used."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    if not decoding.greedy and decoding.temperature < _LOWEST_TEMPERATURE:
        raise UsageError(
            f"vLLM cannot sample at temperature {decoding.temperature:g}",
            next_step=f"choose 0 or at least {_LOWEST_TEMPERATURE}",
        )
    return SamplingParams(
        temperature=0.0 if decoding.greedy else decoding.temperature,
        top_k=decoding.top_k or 0,
        top_p=decoding.top_p,
        max_tokens=decoding.max_new_tokens,
        seed=seed % 2**63,
        stop_token_ids=sorted(stop_ids),
        ignore_eos=True,  # stop_token_ids include it
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def _continuation(request: GenerationRequest, output: Any) -> Continuation:
    if output.finish_reason not in {"stop", "length"}:
        raise InfrastructureError(f"vLLM ended a sample of {request.key!r} as {output.finish_reason!r}")
    stop = Stop.LENGTH if output.finish_reason == "length" else Stop.EOS
    return Continuation(request, tuple(output.token_ids), stop)
