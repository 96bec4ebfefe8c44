"""The contract of seeded generation: an engine takes requests and yields continuations, with any library."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from ssd_harness.foreign_json import Json

GREEDY_BELOW = 1e-5
"""At lower temperatures decoding is greedy, as in the paper."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How tokens are drawn. The paper's order: temperature, top-k, top-p, renormalisation, draw."""

    temperature: float = 1.0
    """At least 0."""
    top_k: int | None = None
    """Draw only from the k likeliest tokens; None means all."""
    top_p: float = 1.0
    """Draw only from the likeliest tokens whose probabilities sum up to p; above 0, at most 1."""
    max_new_tokens: int = 256
    """Length at which a continuation is cut."""

    @property
    def greedy(self) -> bool:
        """Whether each token is the likeliest one."""
        return self.temperature < GREEDY_BELOW


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One continuation to generate. Requests for the same prompt should be adjacent, so that it is computed once."""

    key: str
    """Name of the prompt. Together with ``index`` and the run's seed, it decides the random numbers."""
    index: int
    """Number of the continuation among those of its prompt."""
    prompt_ids: tuple[int, ...]
    """Token ids of the prompt."""


class Stop(StrEnum):
    """Why a continuation ended."""

    EOS = "eos"
    """The model generated an EOS token."""
    LENGTH = "length"
    """It was cut at ``max_new_tokens``."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """One finished continuation. ``token_ids`` ends with an EOS token exactly if the model generated one."""

    request: GenerationRequest
    """The request that it answers."""
    token_ids: tuple[int, ...]
    """Token ids, without those of the prompt."""
    stop: Stop
    """Why it ended."""


class GenerationEngine(Protocol):
    """Generates continuations with one loaded model.

    In float32 on a CPU, the same request and seed give the same tokens in any batch, order or process. In half
    precision on an accelerator, the tokens may differ, but come from the same distribution.
    """

    name: str
    """The name of its :class:`~ssd_harness.extensions.components.Engine`, or a shorter one; part of the identity."""

    @property
    def context(self) -> int | None:
        """Most tokens that prompt and continuation may have together; None if the model sets no limit."""

    def identity(self) -> Mapping[str, Json]:
        """Return everything that decides a continuation besides weights, request, decoding and seed.

        The entry ``engine`` is required; it is ``name@version``. Change the version when the same request would get
        different tokens. Leave out batch shapes, devices and library versions.
        """

    def describe(self) -> Mapping[str, str]:
        """Return the entries for the manifest of the samples, at least ``device`` and ``dtype``."""

    def generate(self, requests: Iterable[GenerationRequest], decoding: Decoding, seed: int) -> Iterator[Continuation]:
        """Yield each request's continuation as it finishes, in any order.

        ``requests`` is read only when there is room for another sequence. Raises
        :class:`~ssd_harness.errors.UsageError` for a decoding that the library does not support, and
        :class:`~ssd_harness.errors.InfrastructureError` if the device or the library fails.
        """


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load a model for generation."""

    device: str | None = None
    """Torch's name of the device; None means the fastest one of this machine."""
    dtype: str = "auto"
    """Precision of the weights: ``auto``, ``float32``, ``bfloat16`` or ``float16``."""
    dequantize: bool = False
    """Whether quantised weights are unpacked."""
    trust_remote_code: bool = False
    """Whether code from the model folder may run."""
    rows: int | None = None
    """Most sequences in one batch; None means as many as memory allows."""
    max_new_tokens: int = 256
    """Length of the longest continuation that will be requested."""


class EngineBackend(Protocol):
    """A library that generation engines run on; what the factory of an ``Engine`` returns.

    If the library is not installed, only :meth:`require` may be called.
    """

    def require(self) -> None:
        """Raise :class:`~ssd_harness.errors.UsageError` with the installing command if the library is missing."""

    def load(self, folder: Path, options: LoadOptions, *, stop_ids: Iterable[int]) -> GenerationEngine:
        """Load the model in a local folder. A continuation ends with any of ``stop_ids``.

        Raises :class:`~ssd_harness.errors.InfrastructureError` for a model that cannot be loaded here.
        """

    def wrap(self, model: Any, *, stop_ids: Iterable[int], rows: int | None = None) -> GenerationEngine:
        """Return an engine for a model that lm-eval's class for this library has loaded."""

    def model_arguments(self) -> frozenset[str]:
        """Return the names of the arguments that the library's loader takes besides the model."""

    def check_model_arguments(self, folder: Path, arguments: Mapping[str, Any]) -> None:
        """Raise :class:`~ssd_harness.errors.UsageError` for a value that the model in ``folder`` cannot be loaded with.

        No weights are read.
        """

    def generation_arguments(self) -> frozenset[str]:
        """Return the names of the arguments of one generation that lm-eval's class can pass to the library."""

    def defaults(self) -> Mapping[str, Any]:
        """Return the arguments that the loader gets on this machine unless the user overrides them."""

    def version(self) -> str:
        """Return the version of the library."""

    def device_type(self) -> str:
        """Return the kind of device that the library uses here, such as ``cuda`` or ``cpu``."""
