"""The files that other programs read: their fields and versions, from which ``docs/schemas`` is generated.

Unknown keys are allowed: a later version may write more. ``schema_version`` grows when a field changes its meaning or
goes away.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from ssd_harness import schema
from ssd_harness.artifacts.checkpoint_manifest import CheckpointManifest
from ssd_harness.judge.verdicts import Verdict
from ssd_harness.recipe.definition import FIELDS, Recipe

Proportion = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
_Unknown = Literal["unknown"]


class _File(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class VerdictRow(_File):
    """One line of ``verdicts.jsonl``, and one generation in lm-eval's ``samples_*.jsonl``: the verdict of a program."""

    schema_version: Annotated[int, Field(ge=schema.VERDICTS, le=schema.VERDICTS)]
    question_id: str
    sample: Annotated[Count, Field(description="number of the program among those of its problem, from 0")]
    verdict: Annotated[str, Field(json_schema_extra={"enum": list(Verdict)})]
    passed: bool
    test: Annotated[int | None, Field(description="number of the first failing test, from 1")]
    cpu_s: Annotated[float, Field(description="CPU seconds over all tests that ran")]
    wall_s: Annotated[float, Field(description="seconds over all tests that ran")]
    peak: Annotated[Count, Field(description="peak resident memory in bytes")]
    message: str
    reruns: Annotated[Count, Field(description="further runs, near the time limit or after a lost slot")]
    cause: Annotated[str, Field(description="how the failing test ended in the sandbox")]
    difficulty: str | None = None
    code: Annotated[str | None, Field(description="the program")] = None
    published: Annotated[bool | None, Field(description="the verdict that the file of samples has")] = None
    truncated: bool | None = None
    tokens: Count | None = None
    unfinished_reasoning: bool | None = None


class Figures(_File):
    """pass@k over a group of problems: ``pass@1``, ``pass@1_stderr`` and so on, for each k with enough samples."""

    __pydantic_extra__: dict[str, float | None]
    problems: Count
    samples: Count
    passed: Count


class Generations(_File):
    """Counts over the generations that the programs came from."""

    generations: Count
    truncated: Count | _Unknown
    truncation_known: Count
    unfinished_reasoning: Count
    tokens: Count | _Unknown
    tokens_per_sample: float | _Unknown
    tokens_known: Count


class Data(_File):
    """The problems."""

    release: str
    window: str
    problems: Count
    data_source: str
    official: bool
    warning: str | None = None


class Scoring(_File):
    """The judge."""

    judge: str
    tests: str
    sandbox: dict[str, Any]


class Software(_File):
    """Versions."""

    ssd_harness: str
    source: Annotated[str, Field(description="hash of the package's own source")]
    python: str
    libraries: dict[str, str]
    plugins: dict[str, str]


class Published(_File):
    """Verdicts that the file of samples has, compared with ours."""

    compared: Count
    pass_now: list[str]
    fail_now: list[str]


class SampleFile(_File):
    """The file of samples that was scored."""

    file: str | None
    sha256: str


class Summary(_File):
    """``summary.json`` of ``ssd-harness score``: counts, pass@k by group, and everything about their making."""

    schema_version: Annotated[int, Field(ge=schema.SUMMARY, le=schema.SUMMARY)]
    all: Figures
    left_out: Annotated[str | None, Field(description="why some pass@k are missing")]
    equal_samples: bool
    by_difficulty: dict[str, Figures]
    by_platform: dict[str, Figures]
    by_month: dict[str, Figures]
    verdicts: dict[str, Count]
    reruns: Count
    generations: Generations
    errata_problems: list[str]
    published: Published | None
    complete: Annotated[bool, Field(description="false if an internal error left programs without a verdict")]
    problems_without_samples: Count
    samples_outside_of_window: Count
    unknown_problems: list[str]
    judged_now: Count
    samples: SampleFile
    data: Data
    scoring: Scoring
    software: Software
    command: list[str]


class Interval(_File):
    """A mean over problems with its interval, at 95 % where nothing else is said."""

    mean: float
    low: float
    high: float
    problems: Count


class ComparedRun(_File):
    """One run of a comparison."""

    name: str
    pass_at: Annotated[dict[str, Interval], Field(description="by k")]
    difference: Annotated[dict[str, Interval], Field(description="by k, paired with the first run; empty for that run")]
    by_difficulty: Annotated[dict[str, Proportion], Field(description="pass@1")]
    allow_overlap: bool | None = None
    variant: str | None = None
    equal_samples: bool | None = None
    official: bool | None = None


class Comparison(_File):
    """What ``ssd-harness compare --json`` prints; figures are proportions, differences are between -1 and 1."""

    schema_version: Annotated[int, Field(ge=schema.COMPARISON, le=schema.COMPARISON)]
    runs: Annotated[list[ComparedRun], Field(min_length=1)]


class BaselineFile(_File):
    """What ``ssd-harness baseline`` writes."""

    ssd_harness_baseline: Literal[True]
    schema_version: Annotated[int, Field(ge=schema.BASELINE, le=schema.BASELINE)]
    run: Annotated[str, Field(description="the run's path, as it was given")]
    conditions: Annotated[dict[str, str | None], Field(description="null where the run's files do not state one")]
    problems: Annotated[
        dict[str, tuple[Count, Count, str]], Field(description="question_id: samples, passed samples, difficulty")
    ]


class GateRule(_File):
    """The rule of one check."""

    k: Count
    difficulty: str
    max_drop: Proportion | None
    minimum: Proportion | None
    only_warn: bool


class GateCheck(_File):
    """One rule applied to the run; figures are proportions, differences are between -1 and 1."""

    metric: str
    rule: GateRule
    verdict: Literal["PASS", "WARN", "REGRESSION", "INCONCLUSIVE"]
    reason: str
    value: Interval
    baseline: Interval | None
    difference: Interval | None
    detectable_drop: float | None


class GateOutput(_File):
    """What ``ssd-harness gate --json`` prints; intervals are two-sided at 1 - 2 alpha."""

    schema_version: Annotated[int, Field(ge=schema.GATE, le=schema.GATE)]
    verdict: Literal["PASS", "WARN", "REGRESSION", "INCONCLUSIVE"]
    run: str
    baseline: str | None
    alpha: float
    checks: Annotated[list[GateCheck], Field(min_length=1)]


class ModelNotes(_File):
    """``config.ssd`` of lm-eval's ``results_*.json``: the model of the run."""

    checkpoint: Annotated[str | None, Field(description="name of the registered checkpoint")] = None
    fingerprint: str | None = None
    base: dict[str, Any] | None = None
    recipe: dict[str, Any] | None = None
    variant: str | None = None
    allow_overlap: bool | None = None
    run: Annotated[str | None, Field(description="id of the run: equal ids, equal generations")] = None
    generations: Annotated[dict[str, Any] | None, Field(description="engine, and decoding by task")] = None
    device: dict[str, Any] | None = None


class Prompt(_File):
    """The words around a problem."""

    name: str
    sha256: str
    differs_from_training: str | None


class TaskNotes(_File):
    """``configs.TASK.metadata.ssd_harness`` of lm-eval's ``results_*.json``: data, prompt, decoding and judge."""

    data: Data
    data_warning: str | None
    prompt: Prompt
    system_instruction: str | None
    apply_chat_template: bool | str | None
    chat_template: str
    repeats: Count
    generation_kwargs: dict[str, Any]
    overlap: dict[str, Any]
    software: Software
    scoring: Scoring | None = None
    summary: dict[str, Any] | None = None
    equal_samples: Any = None


MODELS: dict[str, tuple[Any, int]] = {
    "baseline": (BaselineFile, schema.BASELINE),
    "checkpoint-manifest": (CheckpointManifest, schema.MANIFEST),
    "comparison": (Comparison, schema.COMPARISON),
    "gate": (GateOutput, schema.GATE),
    "model-notes": (ModelNotes, schema.NOTES),
    "recipe": (Recipe, schema.RECIPE),
    "summary": (Summary, schema.SUMMARY),
    "task-notes": (TaskNotes, schema.NOTES),
    "verdict": (VerdictRow, schema.VERDICTS),
}
"""The model and the version of each schema."""


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON schema of each published file, by its file name, e.g. ``summary.v1.json``."""
    return {f"{name}.v{version}.json": _schema(name, model, version) for name, (model, version) in MODELS.items()}


def _schema(name: str, model: Any, version: int) -> dict[str, Any]:
    schema = TypeAdapter(model).json_schema()
    if model is Recipe:
        for field_name, field in FIELDS.items():
            schema["properties"][field_name]["description"] = field.metadata["meaning"]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"{name}.v{version}.json"}
    return {**head, **schema}
