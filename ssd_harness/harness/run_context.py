"""What the parts of one evaluation share: the request, the command, and what model and task tell each other.

lm-eval builds the model, the tasks and the result files separately, and passes only texts from a model to a task.
Everything else crosses here, typed::

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
    """All checks of an evaluation passed, and a dry run does no more."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """Evaluations in this context end after their checks."""

    level: CheckLevel
    cache: dict[Any, Any] = field(default_factory=dict)
    """Task indexes and tasks that several evaluations use: reading all of lm-eval's takes up to 20 seconds."""


@dataclass(frozen=True, slots=True)
class ParsedArguments:
    """One lm_eval command line, parsed."""

    config: Any
    """lm-eval's ``EvaluatorConfig``, from which it also prints its last lines."""
    device_given: bool
    """Whether the command line, or the file behind ``--config``, names a device."""


@dataclass(frozen=True, slots=True)
class FinishedEvaluation:
    """An evaluation of a model of ours, as the summary after lm-eval's table needs it."""

    request: EvaluationRequest
    model_info: Mapping[str, Any]
    """What our model class reports about itself in the results (``config.ssd``)."""
    tracker: Any
    """lm-eval's ``EvaluationTracker``, which names the files."""
    samples_logged: bool


@dataclass(slots=True)
class Command:
    """One run of lm-eval's command: what is left to do after lm-eval has printed its table."""

    arguments: ParsedArguments | None = None
    """Set when lm-eval parses them, taken by the evaluation that follows."""
    evaluates_ours: bool = False
    """Whether this process evaluated a model or a task of ours."""
    finished: FinishedEvaluation | None = None
    save_error: InfrastructureError | None = None
    """The first result file that could not be written."""

    def take_arguments(self) -> ParsedArguments | None:
        """Return the parsed command line once; None for an evaluation that no command line started."""
        arguments, self.arguments = self.arguments, None
        return arguments


@dataclass(frozen=True, slots=True)
class EvaluationPrompt:
    """The prompt style that a model of ours asks its evaluation to use."""

    template: "PromptTemplate"
    difference: str | None = None
    """How the evaluation's prompts differ from those of the training, None if they do not."""


@dataclass(slots=True)
class OwnRequest:
    """One request of a task of ours; lm-eval sends it once for each sample."""

    messages: Sequence[Message] | None
    """The chat to render, None if the text of the request is to be used as it is."""
    generations: dict[int, Generation] = field(default_factory=dict)
    """What a model of ours answered, by sample."""


@dataclass(slots=True)
class RunContext:
    """The state of one evaluation.

    The context that is current outside of every evaluation has no request. It serves evaluations that lm-eval runs
    without our patches.
    """

    request: EvaluationRequest | None = None
    """None where lm-eval was called past our patches, or outside of an evaluation."""
    command: Command = field(default_factory=Command)
    dry_run: DryRun | None = None
    index_tasks: tuple[str, ...] = ()
    """The tasks for which lm-eval builds its task index; empty for all."""
    prompt: EvaluationPrompt | None = None
    overlap: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By task: the overlap of its problems with the model's training prompts."""
    sample_seeds: tuple[int, ...] = ()
    """The seed of each sample that an API model sent, where each sample had its own."""
    own_requests: dict[tuple[str, int], OwnRequest] = field(default_factory=dict)
    """The requests of our tasks, by task and document."""

    def for_command(self) -> "RunContext":
        """Return the context of one run of lm-eval's command."""
        return RunContext(dry_run=self.dry_run)

    def for_evaluation(self, request: EvaluationRequest) -> "RunContext":
        """Return the context of one call of ``simple_evaluate``."""
        return RunContext(request=request, command=self.command, dry_run=self.dry_run, index_tasks=request.tasks)

    def add_request(self, instance: "Instance", messages: Sequence[Message] | None) -> None:
        """Register a request of one of our tasks; a model of ours renders ``messages`` itself."""
        self.own_requests[_key(instance)] = OwnRequest(messages)

    def own_request(self, instance: "Instance") -> OwnRequest | None:
        """Return what is known about a request of one of our tasks, None for one of another task."""
        return self.own_requests.get(_key(instance))

    def generation(self, instance: "Instance", sample: int, response: str) -> Generation | None:
        """Return how a response was drawn; None if another model answered, such as lm-eval's ``hf``."""
        request = self.own_request(instance)
        generation = request.generations.get(sample) if request else None
        # A cache between model and task may have answered in the model's place.
        return generation if generation and generation.text == response else None

    def remember(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return what ``make`` returns; in a dry run, what it returned for the same key before."""
        if self.dry_run is None:
            return make()
        cache = self.dry_run.cache
        if key not in cache:
            cache[key] = make()
        return cache[key]

    def end_dry_run(self) -> None:
        """Mark the point after the last check, before anything is sampled, trained or loaded."""
        if self.dry_run:
            raise DryRunFinished

    @property
    def checks_machine(self) -> bool:
        """Whether the sandbox, memory and disk of this machine matter."""
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
    """Let evaluations inside the block end after their checks."""
    with entered(RunContext(dry_run=DryRun(level))) as context:
        yield context


def _key(instance: "Instance") -> tuple[str, int]:
    return str(instance.task_name), int(instance.doc_id or 0)
