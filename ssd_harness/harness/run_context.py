"""The state that the parts of one evaluation share: the request, the command, and data from the model for the task.

lm-eval builds the model, the tasks and the result files separately, and passes only text from a model to a task. All
other data is exchanged through this context::

    with entered(current().for_evaluation(request)) as context:   # around lm-eval's simple_evaluate
        ...
    current().generation(instance, sample, response)              # in the task: how the model drew this response

Each process has its own context, so each rank of a distributed evaluation knows its own requests.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ssd_harness.errors import InfrastructureError
from ssd_harness.harness.evaluation_request import EvaluationRequest
from ssd_harness.harness.generation import Generation

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

    from ssd_harness.prompt_styles import PromptTemplate

Message = Mapping[str, str]
"""A chat turn: ``role`` and ``content``."""
CheckLevel = Literal["arguments", "machine"]
"""How much a dry run checks: the arguments against the model's files, or also the sandbox, memory and disk."""


class DryRunFinished(Exception):
    """Raised in a dry run after the last check of an evaluation, instead of sampling or loading anything."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """The settings of a dry run, in which evaluations end after their checks."""

    level: CheckLevel
    cache: dict[Any, Any] = field(default_factory=dict)
    """Task indexes and tasks that several evaluations share: reading all of lm-eval's tasks takes up to 20 seconds."""


@dataclass(frozen=True, slots=True)
class ParsedArguments:
    """One lm_eval command line, parsed."""

    config: Any
    """lm-eval's ``EvaluatorConfig``, from which it also prints its last lines."""
    device_given: bool
    """Whether the command line, or the file behind ``--config``, names a device."""


@dataclass(frozen=True, slots=True)
class FinishedEvaluation:
    """The facts of a finished evaluation of an ``ssd-*`` model that the summary after lm-eval's table prints."""

    request: EvaluationRequest
    model_info: Mapping[str, Any]
    """The entry ``config.ssd`` of the results, which our model class writes."""
    tracker: Any
    """lm-eval's ``EvaluationTracker``, which knows the names of the files."""
    samples_logged: bool


@dataclass(slots=True)
class Command:
    """The state of one ``lm_eval`` command, which our code reads after lm-eval has printed its table."""

    arguments: ParsedArguments | None = None
    """Set when lm-eval parses its command line; :meth:`take_arguments` removes them again."""
    evaluates_ours: bool = False
    """Whether this process evaluated one of our models or tasks."""
    finished: FinishedEvaluation | None = None
    save_error: InfrastructureError | None = None
    """The first result file that could not be written."""

    def take_arguments(self) -> ParsedArguments | None:
        """Return the parsed command line and forget it; None if no command line started the evaluation."""
        arguments, self.arguments = self.arguments, None
        return arguments


@dataclass(frozen=True, slots=True)
class EvaluationPrompt:
    """The prompt style that an ``ssd-*`` model sets for its evaluation."""

    template: "PromptTemplate"
    difference: str | None = None
    """How the evaluation's prompts differ from those of the training; None if they do not."""


@dataclass(slots=True)
class OwnRequest:
    """One request of a LiveCodeBench task; lm-eval sends it once for each sample."""

    messages: Sequence[Message] | None
    """The chat that the model renders; None if the model gets the text of the request unchanged."""
    generations: dict[int, Generation] = field(default_factory=dict)
    """The answers of an ``ssd-*`` model, by sample number."""


@dataclass(slots=True)
class RunContext:
    """The state of one evaluation.

    Outside of an evaluation, and in an evaluation that lm-eval runs without our patches, the current context is a
    default one without a request.
    """

    request: EvaluationRequest | None = None
    """None outside of an evaluation, and if lm-eval runs without our patches."""
    command: Command = field(default_factory=Command)
    dry_run: DryRun | None = None
    index_tasks: tuple[str, ...] = ()
    """The tasks for which lm-eval builds its task index; empty means all."""
    prompt: EvaluationPrompt | None = None
    overlap: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The overlap of each task's problems with the model's training prompts, by task."""
    sample_seeds: tuple[int, ...] = ()
    """The seeds that an API model sent, one for each sample; empty if all samples had the same seed."""
    own_requests: dict[tuple[str, int], OwnRequest] = field(default_factory=dict)
    """The requests of our tasks, by task and document."""

    def for_command(self) -> "RunContext":
        """Return the context of one run of lm-eval's command."""
        return RunContext(dry_run=self.dry_run)

    def for_evaluation(self, request: EvaluationRequest) -> "RunContext":
        """Return the context of one call of ``simple_evaluate``."""
        return RunContext(request=request, command=self.command, dry_run=self.dry_run, index_tasks=request.tasks)

    def add_request(self, instance: "Instance", messages: Sequence[Message] | None) -> None:
        """Register a request of one of our tasks, with the chat that an ``ssd-*`` model renders for it."""
        self.own_requests[_key(instance)] = OwnRequest(messages)

    def own_request(self, instance: "Instance") -> OwnRequest | None:
        """Return the registered request of one of our tasks; None for a request of another task."""
        return self.own_requests.get(_key(instance))

    def generation(self, instance: "Instance", sample: int, response: str) -> Generation | None:
        """Return how a response was drawn; None if it came from another model, such as lm-eval's ``hf``."""
        request = self.own_request(instance)
        generation = request.generations.get(sample) if request else None
        # lm-eval's request cache may have answered instead of the model.
        return generation if generation and generation.text == response else None

    def remember(self, key: Any, make: Callable[[], Any]) -> Any:
        """Call ``make`` and return its result; in a dry run, call it only once for each ``key``."""
        if self.dry_run is None:
            return make()
        cache = self.dry_run.cache
        if key not in cache:
            cache[key] = make()
        return cache[key]

    def end_dry_run(self) -> None:
        """Raise :class:`DryRunFinished` in a dry run; call this after the last check, before the first work."""
        if self.dry_run:
            raise DryRunFinished

    @property
    def checks_machine(self) -> bool:
        """Whether to check the sandbox, memory and disk of this machine."""
        return self.dry_run is None or self.dry_run.level == "machine"


_current: ContextVar[RunContext] = ContextVar("ssd_run_context", default=RunContext())  # noqa: B039 - see RunContext


def current() -> RunContext:
    """Return the context of the evaluation that is running."""
    return _current.get()


@contextlib.contextmanager
def entered(context: RunContext) -> Iterator[RunContext]:
    """Make ``context`` the current one inside the block."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


@contextlib.contextmanager
def dry_run(level: CheckLevel) -> Iterator[RunContext]:
    """End evaluations inside the block after their checks."""
    with entered(RunContext(dry_run=DryRun(level))) as context:
        yield context


def _key(instance: "Instance") -> tuple[str, int]:
    return str(instance.task_name), int(instance.doc_id or 0)
