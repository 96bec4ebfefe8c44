"""Options of an evaluation: lm-eval's ``--metadata`` keys, and the options of ``ssd-harness score``."""

import dataclasses
import difflib
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import ConfigDict, ModelWrapValidatorHandler, Strict, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from ssd_harness import prompt_styles
from ssd_harness.errors import UsageError
from ssd_harness.judge.judges import JUDGES, TESTS, Judge, TestSelection
from ssd_harness.recipe.values import OneOf, PositiveInt, Switch
from ssd_harness.sandbox.interface import chosen_sandbox
from ssd_harness.validation import Expected, expected_words, first_problem

DEFAULT_REPEATS = 10
_Text = Annotated[str, Strict(), Expected("text")]
_OURS = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, config=_OURS)
class _Options:
    @model_validator(mode="wrap")
    @classmethod
    def _refuse_in_one_line(cls, values: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return build(values)
        except ValidationError as error:
            kinds = typing.get_type_hints(cls, include_extras=True)
            words = {name: words for name, kind in kinds.items() if (words := expected_words(kind))}
            problem = first_problem(error, words)
            raise UsageError(f"option {problem.where}: {problem.words}") from None


@dataclass(frozen=True, slots=True, config=_OURS)
class ScoringOptions(_Options):
    """How programs are judged."""

    judge: Annotated[str, OneOf.these(*JUDGES)] = Judge.LCB.value
    tests: Annotated[str, OneOf.these(*TESTS)] = TestSelection.ALL.value
    sandbox: _Text = ""
    """Name of the sandbox; empty means ``SSD_HARNESS_SANDBOX``, else ``docker``."""
    workers: PositiveInt | None = None
    """Slots in use at once; None means one for each core of the machine."""

    @property
    def sandbox_name(self) -> str:
        """Return the sandbox to use."""
        return chosen_sandbox(self.sandbox)


@dataclass(frozen=True, slots=True, config=_OURS)
class EvaluationOptions(_Options):
    """The ``--metadata`` keys of LiveCodeBench tasks."""

    release: _Text | None = None
    window: _Text | None = None
    repeats: PositiveInt = DEFAULT_REPEATS
    prompt: _Text | None = None
    """The prompt style; None takes that of the model's recipe, else the default."""
    allow_overlap: Switch = False
    """Evaluate a checkpoint whose prompts overlap the problems. For models that have no such argument themselves."""
    scoring: ScoringOptions = dataclasses.field(default_factory=ScoringOptions)


_SCORING_KEYS = tuple(field.name for field in dataclasses.fields(ScoringOptions))
KEYS = (*(field.name for field in dataclasses.fields(EvaluationOptions) if field.name != "scoring"), *_SCORING_KEYS)


def evaluation_options(metadata: Mapping[str, Any], *, strict: bool) -> EvaluationOptions:
    """Read our keys of ``metadata``; with ``strict`` any other key is refused, with the nearest one as advice."""
    if strict:
        for key in metadata:
            if key not in KEYS:
                near = difflib.get_close_matches(str(key), KEYS, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(KEYS)}"
                raise UsageError(f"--metadata has no key {key!r} for livecodebench tasks", next_step=hint)
    values = {key: metadata[key] for key in KEYS if metadata.get(key) is not None}
    scoring = {key: values.pop(key) for key in _SCORING_KEYS if key in values}
    options = EvaluationOptions(**values, scoring=ScoringOptions(**scoring))
    if options.prompt is not None:
        prompt_styles.load(options.prompt)
    return options
