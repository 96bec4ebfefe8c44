"""What a user may set for an evaluation: lm-eval's ``--metadata`` keys, and the options of ``ssd-harness score``."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ssd_harness import prompt_styles
from ssd_harness.errors import UsageError
from ssd_harness.judge.judges import JUDGES, TESTS, Judge, TestSelection
from ssd_harness.recipe.definition import coerce
from ssd_harness.sandbox.interface import chosen_sandbox

DEFAULT_REPEATS = 10


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """How programs are judged."""

    judge: str = Judge.LCB.value
    tests: str = TestSelection.ALL.value
    sandbox: str = ""
    """Name of the sandbox; empty means ``SSD_HARNESS_SANDBOX``, else ``docker``."""
    workers: int | None = None
    """Slots at once; None means as many as the machine has cores."""

    def __post_init__(self) -> None:
        _one_of("judge", self.judge, JUDGES)
        _one_of("tests", self.tests, TESTS)
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"{self.workers} workers cannot score anything", next_step="ask for at least one")

    @property
    def sandbox_name(self) -> str:
        """Return the sandbox to use."""
        return chosen_sandbox(self.sandbox)


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """What ``--metadata`` may say to our tasks."""

    release: str | None = None
    window: str | None = None
    repeats: int = DEFAULT_REPEATS
    prompt: str | None = None
    """The words of the problems; None leaves them to the recipe of a model of ours, else takes the default's."""
    allow_overlap: bool = False
    """For models that take no such argument themselves: evaluate a checkpoint whose prompts overlap the problems."""
    scoring: ScoringOptions = field(default_factory=ScoringOptions)


_SCORING_KEYS = ("judge", "tests", "sandbox", "workers")
KEYS = ("release", "window", "repeats", "prompt", "allow_overlap", *_SCORING_KEYS)


def evaluation_options(metadata: Mapping[str, Any], *, strict: bool) -> EvaluationOptions:
    """Read our keys; with ``strict`` any other key is refused, naming the nearest one."""
    if strict:
        for key in metadata:
            if key not in KEYS:
                near = difflib.get_close_matches(str(key), KEYS, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(KEYS)}"
                raise UsageError(f"--metadata has no key {key!r} for livecodebench tasks", next_step=hint)
    given = {key: metadata[key] for key in KEYS if metadata.get(key) is not None}
    for key in ("repeats", "workers"):
        if key in given:
            given[key] = _positive(key, given[key])
    if "allow_overlap" in given:
        given["allow_overlap"] = coerce("allow_overlap", given["allow_overlap"])
    for key in given.keys() - {"repeats", "workers", "allow_overlap"}:
        if not isinstance(given[key], str):
            raise UsageError(f"--metadata: {key} must be a text, not {given[key]!r}")
    scoring = ScoringOptions(
        **{key: given.pop(key) for key in ("judge", "tests", "sandbox", "workers") if key in given}
    )
    options = EvaluationOptions(**given, scoring=scoring)
    if options.prompt is not None:
        prompt_styles.load(options.prompt)
    return options


def _positive(key: str, value: Any) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = 0
    if number < 1:
        raise UsageError(f"--metadata: {key} must be a whole number of at least 1, not {value!r}")
    return number


def _one_of(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"{what} cannot be {value!r}", next_step=f"choose one of: {', '.join(known)}")
