"""What the user asked lm-eval for, captured before lm-eval builds the model."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class OtherGenerations:
    """What one task of others lets a model generate."""

    task: str
    arguments: Mapping[str, Any]
    """Its ``generation_kwargs``, with ``--gen_kwargs`` above them."""
    prompts: Callable[[], Sequence[str]]
    """Build all prompts that ``--limit`` or ``--samples`` leave, examples included."""


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """The arguments of one ``simple_evaluate`` call that our model and tasks need before lm-eval hands them over."""

    tasks: tuple[str, ...] = ()
    """Task names after expansion of tags and groups, as far as they are known."""
    own_tasks: tuple[str, ...] = ()
    """Those of them that are ours."""
    own_model: bool = False
    """Whether the model is one of ours: it renders the turns of our requests itself."""
    model_args: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """``--metadata`` alone, without the model_args that lm-eval merges in."""
    gen_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """``--gen_kwargs`` as the user gave it: only the fields written there."""
    system_instruction: str | None = None
    apply_chat_template: bool | str = False
    predict_only: bool = False
    limit: float | None = None
    samples: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """``--samples``: the documents to take, by task."""
    output_path: str | None = None
    include_path: str | None = None
    """A folder with tasks of the user's."""
    others: tuple[Any, ...] = ()
    """What was asked for beside our tasks, as it was given: names, groups, mappings or tasks."""
    texts_of: Callable[[Sequence[Any]], Mapping[str, Callable[[], Any]]] | None = field(default=None, compare=False)
    """Load tasks as lm-eval does once the model is there: name → what returns the texts of its documents."""
    generations_of_others: Callable[[Callable[..., str] | None], Sequence[OtherGenerations]] | None = field(
        default=None, compare=False
    )
    """Load what is not ours and return what it lets a model generate; the argument renders a chat for lm-eval."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What our model has found that the results of our tasks must say; it grows while the evaluation runs."""


_current: ContextVar[EvaluationRequest | None] = ContextVar("ssd_evaluation_request", default=None)


def current() -> EvaluationRequest | None:
    """Return the request of the ``simple_evaluate`` call that is running, or None outside of one."""
    return _current.get()


def begin(request: EvaluationRequest) -> Any:
    """Set the current request; hand the returned token to :func:`end`."""
    return _current.set(request)


def end(token: Any) -> None:
    """Restore what was current before :func:`begin`."""
    _current.reset(token)


Extent = Literal["words", "machine"]
"""How far a rehearsal goes: what is asked for, or also what the machine must have."""
_extent: ContextVar[Extent | None] = ContextVar("ssd_rehearsal", default=None)


class Rehearsed(Exception):
    """All checks of an evaluation have passed, and no more than these was asked for."""


def rehearsal() -> Extent | None:
    """Return how far evaluations are only checked now; None where they are carried out."""
    return _extent.get()


@contextlib.contextmanager
def rehearsing(extent: Extent) -> Iterator[None]:
    """Let evaluations inside the block end after their checks."""
    token = _extent.set(extent)
    try:
        yield
    finally:
        _extent.reset(token)


def end_rehearsal() -> None:
    """Mark the point after the last check, before anything is sampled, trained or loaded."""
    if rehearsal():
        raise Rehearsed
