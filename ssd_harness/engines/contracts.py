"""The contract of seeded generation: requests in, continuations out, whatever library runs the model."""

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
    """Only the k likeliest tokens are drawn; None: all."""
    top_p: float = 1.0
    """Only the likeliest tokens whose probabilities sum up to p are drawn; above 0, at most 1."""
    max_new_tokens: int = 256
    """A longer continuation is cut."""

    @property
    def greedy(self) -> bool:
        """Whether each token is the likeliest one."""
        return self.temperature < GREEDY_BELOW


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One continuation to generate. Requests for the same prompt should be adjacent, so that it is read once."""

    key: str
    """Names the prompt. Together with ``index`` and the run's seed it decides the random numbers."""
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
    """What it continues."""
    token_ids: tuple[int, ...]
    """Token ids without the prompt's."""
    stop: Stop
    """Why it ended."""


class GenerationEngine(Protocol):
    """Generates continuations with one loaded model.

    In float32 on the CPU the same request and seed give the same tokens in any batch, order or process. In half
    precision on an accelerator they come from the same distribution, and the tokens may differ.
    """

    name: str
    """The name of its :class:`~ssd_harness.extensions.components.Engine`, or a shorter one; part of the identity."""

    @property
    def context(self) -> int | None:
        """How many tokens prompt and continuation may have together; None: the model sets no limit."""

    def identity(self) -> Mapping[str, Json]:
        """Return what decides a continuation beside weights, request, decoding and seed.

        At least ``engine``, which is ``name@version``. Change the version when the same request would get other tokens.
        Batch shapes, devices and library versions do not belong here.
        """

    def describe(self) -> Mapping[str, str]:
        """Return what the manifest of the samples should say: at least ``device`` and ``dtype``."""

    def generate(self, requests: Iterable[GenerationRequest], decoding: Decoding, seed: int) -> Iterator[Continuation]:
        """Yield each request's continuation as it finishes, in any order.

        ``requests`` is read only as rows become free. Raises :class:`~ssd_harness.errors.UsageError` for a decoding
        that the library cannot do, :class:`~ssd_harness.errors.InfrastructureError` if the device or the library fails.
        """


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load a model for generation."""

    device: str | None = None
    """Torch's name of the device; None: the fastest one that is here."""
    dtype: str = "auto"
    """Precision of the weights: ``auto``, ``float32``, ``bfloat16`` or ``float16``."""
    dequantize: bool = False
    """Whether quantised weights are unpacked."""
    trust_remote_code: bool = False
    """Whether code from the model folder may run."""
    rows: int | None = None
    """The most sequences side by side; None: as many as memory allows."""
    max_new_tokens: int = 256
    """The length of the longest continuation that will be requested."""


class EngineBackend(Protocol):
    """A library that generation engines run on; what the factory of an ``Engine`` returns.

    Only :meth:`require` may be called where the library is not installed.
    """

    def require(self) -> None:
        """Raise :class:`~ssd_harness.errors.UsageError`, which names the command to install it, if it is missing."""

    def load(self, folder: Path, options: LoadOptions, *, stop_ids: Iterable[int]) -> GenerationEngine:
        """Load the model in a local folder. A continuation ends with any of ``stop_ids``.

        Raises :class:`~ssd_harness.errors.InfrastructureError` for a model that cannot be loaded here.
        """

    def wrap(self, model: Any, *, stop_ids: Iterable[int], rows: int | None = None) -> GenerationEngine:
        """Return an engine over a model that lm-eval's class for this library has loaded."""

    def model_arguments(self) -> frozenset[str]:
        """Return the names of the arguments that the library's loader takes beside the model."""

    def check_model_arguments(self, folder: Path, arguments: Mapping[str, Any]) -> None:
        """Raise :class:`~ssd_harness.errors.UsageError` for a value that the model in ``folder`` cannot be loaded with.

        No weights are read.
        """

    def generation_arguments(self) -> frozenset[str]:
        """Return the names of the arguments of one generation that lm-eval's class can hand to the library."""

    def defaults(self) -> Mapping[str, Any]:
        """Return the arguments that the loader is given on this machine unless the user says otherwise."""

    def version(self) -> str:
        """Return the version of the library."""

    def device_type(self) -> str:
        """Return the kind of device that the library uses here, such as ``cuda`` or ``cpu``."""
