"""What every generation engine takes and gives, whatever backend it runs on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

GREEDY_BELOW = 1e-5
"""A temperature under this means the likeliest token, as in the paper."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How tokens are drawn: temperature, then top-k, then top-p, then renormalise and draw (the paper's order)."""

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    max_new_tokens: int = 256

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken at each step."""
        return self.temperature < GREEDY_BELOW


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One continuation to draw; requests of one prompt should stand together, so that it is read once."""

    key: str
    """Names the prompt; with ``index`` and the run's seed it decides the random numbers."""
    index: int
    prompt_ids: tuple[int, ...]


class Stop(StrEnum):
    """Why a continuation ended."""

    EOS = "eos"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class Continuation:
    """One finished continuation; ``token_ids`` ends with the EOS token exactly if one was drawn."""

    request: GenerationRequest
    token_ids: tuple[int, ...]
    stop: Stop


class Engine(Protocol):
    """Draws continuations.

    In float32 on the CPU the same request and seed give the same tokens in any batch, order or process; in half
    precision on an accelerator the same distribution, and maybe other tokens.
    """

    name: str

    def identity(self) -> Mapping[str, Any]:
        """Return, as JSON values, what decides a continuation beside weights, request, decoding and seed.

        At least ``engine``, which is ``name@version``: the version changes when the same request would get other
        tokens. Batch shapes, devices and library versions do not belong here.
        """

    def generate(self, requests: Iterable[GenerationRequest], decoding: Decoding, seed: int) -> Iterator[Continuation]:
        """Yield each request's continuation as it finishes; ``requests`` is read only as rows get free."""
