"""The manifest of a checkpoint, ``ssd_manifest.json``. It may come from anywhere, with its folder."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from ssd_harness import foreign_json
from ssd_harness.errors import InfrastructureError
from ssd_harness.validation import first_problem

_NEEDED = {"base": dict, "recipe": dict, "files": dict, "rounds": list}
"""Fields that are read without a second look, and empty if they are missing."""


def _scalar(value: Any) -> Any:
    if value is not None and not isinstance(value, str | int | float | bool):
        raise PydanticCustomError("scalar", "not a scalar")
    return value


_Scalar = Annotated[Any, AfterValidator(_scalar), WithJsonSchema({"type": ["string", "number", "boolean", "null"]})]


class _Part(BaseModel):
    """Fields that a command reads. Each may be missing or null, and other keys may hold anything."""

    model_config = ConfigDict(extra="allow", strict=True)


class Base(_Part):
    """The model that the samples were drawn from first."""

    name: str | None = None
    revision: str | None = None
    weights: str | None = None


class OverlappingPrompt(_Part):
    """A prompt that is close to an evaluated problem."""

    prompt: str | None = None
    problem: str | None = None
    score: float | None = None


class PromptOverlap(_Part):
    """What was done with prompts that overlap LiveCodeBench."""

    left_out: int | None = None
    kept: int | None = None
    prompts: list[OverlappingPrompt] | None = None


class Published(_Part):
    """How many of the published prompts were found."""

    count: int | None = None
    found: int | None = None


class Prompts(_Part):
    """The prompt set."""

    source: str | None = None
    sha256: str | None = None
    count: int | None = None
    overlap: PromptOverlap | None = None
    published: Published | None = None


class PromptStyle(_Part):
    """The words around a problem, in training and evaluation."""

    name: str | None = None
    sha256: str | None = None
    stdin: str | None = None
    functional: str | None = None
    system: str | None = None
    evaluation_differs: str | None = None
    chat: bool | None = None
    exact: bool | None = None


class Samples(_Part):
    """Where samples come from that another run had drawn."""

    run: str | None = None
    prompts: dict[str, Any] | None = None


class Sketch(_Part):
    """A file with the hashes of prompts, for the overlap check of later evaluations."""

    file: str | None = None
    sha256: str | None = None


class Lineage(_Part):
    """The prompts of all checkpoints that it descends from."""

    sketches: list[Sketch] | None = None
    unknown: list[str] | None = None
    kept: int | None = None


class Training(_Part):
    """The training of one round."""

    adapter: str | None = None
    losses: list[float] | None = None


class Round(_Part):
    """The manifests of a round's stages, by their names."""

    __pydantic_extra__: dict[str, dict[str, Any] | None]
    train: Training | None = None


class RoundChoice(_Part):
    """The choice among rounds that older versions made."""

    task: str | None = None
    metric: str | None = None
    chosen: int | None = None
    rounds: list[Any] | None = None


class Software(_Part):
    """Versions of libraries."""

    ssd_harness: str | None = None


class CheckpointManifest(_Part):
    """What a registered checkpoint is, what it was made from, and how.

    Unknown keys are allowed: other versions may write more.
    """

    schema_version: int | None = None
    fingerprint: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
    name: str | None = None
    base: Base = Field(default_factory=Base)
    weights: str | None = None
    tokenizer: str | None = None
    parent: str | None = None
    variant: str | None = None
    trained: str | None = None
    adapter: str | None = None
    recipe: dict[str, _Scalar] = Field(default_factory=dict)
    files: dict[str, int | None] = Field(default_factory=dict)
    prompts: Prompts | None = None
    prompt_style: PromptStyle | None = None
    parts: dict[str, str | None] | None = None
    samples: Samples | None = None
    overlap: Lineage | None = None
    rounds: list[Round] = Field(default_factory=list)
    round_choice: RoundChoice | None = None
    software: Software | None = None


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest in the file ``path``.

    Raises FileNotFoundError or NotADirectoryError if there is none, and :class:`InfrastructureError` if it cannot be
    read or is invalid.
    """
    next_step = f"put it back, or run: ssd-harness models remove {path.parent.name} --force"
    try:
        manifest = foreign_json.read(path, text_only=True)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        what = f"cannot read a checkpoint's manifest: {reason}"
        raise InfrastructureError(what, where=path, next_step=next_step) from error
    if reason := complaint(manifest):
        what = f"invalid checkpoint manifest: {reason}"
        raise InfrastructureError(what, where=path, next_step=next_step)
    whole = {name: kind() for name, kind in _NEEDED.items()} | manifest
    whole["base"] = {"name": "unknown", **whole["base"]}
    return whole


def complaint(manifest: Any) -> str:
    """Return what is wrong with a manifest; empty if nothing is."""
    try:
        CheckpointManifest.model_validate(manifest)
    except ValidationError as error:
        problem = first_problem(error)
        return f"{problem.where}: {problem.words}".removeprefix(": ")
    return ""
