"""The components that hooks return: each has a name, a factory, and fields that tell how to treat the factory's object.

Every component checks its own fields and raises :class:`TypeError` or :class:`ValueError`. The plugin manager turns
these into an error that names the plugin and the hook.
"""

import re
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, get_args, get_origin

from ssd_harness.engines.contracts import EngineBackend
from ssd_harness.engines.logits import LogitRecord
from ssd_harness.extensions.contracts import ModelSampler, ModelTrainer, Prompt, SampleExporter, SampleFilter
from ssd_harness.recipe.definition import Recipe
from ssd_harness.sandbox import interface

if TYPE_CHECKING:
    from ssd_harness.artifacts.registry import Checkpoint
    from ssd_harness.distill.plan import Plan

RECIPE_ENGINE = "recipe engine"
"""Value of a sampler's ``model_class`` that stands for the model class of the recipe's engine: ``ssd-hf`` or
``ssd-vllm``."""

_WORDS = {Callable: "a callable", Mapping: "a mapping", types.NoneType: "None"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Component:
    """The two fields that every component has."""

    hook: ClassVar[str]
    """The hook that returns components of this type."""
    noun: ClassVar[str]
    """The word for such a component in messages."""

    name: str
    """How users name it in a recipe or on the command line: letters, digits, ``.``, ``_`` and ``-``."""
    factory: Callable[..., Any]
    """Called only when a command uses the component: import heavy dependencies inside."""

    def __post_init__(self) -> None:
        """Raise :class:`TypeError` or :class:`ValueError`, one line, for a field of the wrong type or value."""
        for declared in fields(self):
            _check(type(self).__name__, declared.name, declared.type, getattr(self, declared.name))


@dataclass(frozen=True, slots=True)
class VersionedComponent(Component):
    """A component that influences the content of a checkpoint."""

    _: KW_ONLY
    version: str | None = None
    """Part of the checkpoint's fingerprint. Change it whenever the same recipe would give a different result. None: the
    version of the plugin's distribution and a hash of its Python files, so that every edit makes a new checkpoint."""


@dataclass(frozen=True, slots=True)
class PromptSource(VersionedComponent):
    """Where prompts come from: ``prompts=NAME`` or ``prompts=NAME:ARGUMENT``."""

    hook: ClassVar[str] = "ssd_prompt_sources"
    noun: ClassVar[str] = "prompt source"

    factory: Callable[[str, Recipe], Iterable[Prompt]]
    """``factory(argument, recipe)`` returns prompts in a fixed order. If the result has ``__len__``, the progress line
    shows the time left. ``argument`` is the text after the colon, or the path of a ``.jsonl`` or ``.parquet`` file."""
    _: KW_ONLY
    remote: bool = False
    """Whether the prompts come over the network. If so, they are downloaded once and stored."""
    published: int | None = None
    """How many different prompts a publication reports for this source. The plan and the manifest compare it with
    the number that was read."""


@dataclass(frozen=True, slots=True)
class Sampler(VersionedComponent):
    """Draws samples from the base model: ``sampler=NAME``."""

    hook: ClassVar[str] = "ssd_samplers"
    noun: ClassVar[str] = "sampler"

    factory: Callable[[Path, Recipe], ModelSampler]
    """``factory(model_folder, recipe)`` loads the model and returns a
    :class:`~ssd_harness.extensions.contracts.ModelSampler`."""
    _: KW_ONLY
    model_class: str
    """The lm-eval model class that evaluates this sampler's checkpoints in ``ssd-harness sweep``: :data:`RECIPE_ENGINE`
    for the class of the recipe's engine, or a class of the entry point group ``lm_eval.models`` that takes recipe
    fields."""


@dataclass(frozen=True, slots=True)
class Filter(VersionedComponent):
    """Decides which samples are trained on: ``filter=NAME`` or ``filter=NAME:ARGUMENT``."""

    hook: ClassVar[str] = "ssd_sample_filters"
    noun: ClassVar[str] = "sample filter"

    factory: Callable[[str, Recipe], SampleFilter]
    """``factory(argument, recipe)`` returns a :class:`~ssd_harness.extensions.contracts.SampleFilter`. ``argument`` is
    the text after the colon."""
    _: KW_ONLY
    runs_programs: bool = False
    """Whether decisions depend on running the samples' programs, or on another signal of correctness. Plain simple
    self-distillation uses none, so the checkpoint, and every checkpoint trained from it, is reported as a *verified
    variant*."""
    needs_tests: bool = False
    """Whether the filter needs the prompts' tests. Only then are they read and stored."""
    whole_set: bool = False
    """Whether a decision depends on the other samples. If so, a run that continues after a kill passes all samples to
    the filter again; otherwise it passes only the undecided ones."""


@dataclass(frozen=True, slots=True)
class Trainer(VersionedComponent):
    """Fine-tunes the model: ``trainer=NAME``."""

    hook: ClassVar[str] = "ssd_trainers"
    noun: ClassVar[str] = "trainer"

    factory: Callable[[Path, Recipe], ModelTrainer]
    """``factory(model_folder, recipe)`` returns a :class:`~ssd_harness.extensions.contracts.ModelTrainer`."""
    _: KW_ONLY
    several_processes: bool = False
    """Whether the trainer can run as one process per GPU (``gpus=N``), each with the environment variables of a
    distributed launch."""
    merge_adapter: Callable[[Path, Path, Path], LogitRecord] | None = None
    """``merge_adapter(base, adapter, target)`` merges an adapter that was trained elsewhere into its base model, writes
    the model to ``target`` without a tokenizer, and returns logits of the merged model. ``ssd-harness import`` calls it
    on the trainer that ``trainer=`` names. It raises :class:`~ssd_harness.errors.UsageError` for an adapter that does
    not fit."""


@dataclass(frozen=True, slots=True)
class Transform(VersionedComponent):
    """A whole transform, from base model to registered checkpoint: ``transform=NAME``."""

    hook: ClassVar[str] = "ssd_transforms"
    noun: ClassVar[str] = "transform"

    factory: "Callable[[Plan], Checkpoint]"
    """``factory(plan)`` carries out the plan and returns the registered checkpoint; the built-in ``ssd`` is
    ``ssd_harness.distill.pipeline.distill``."""


@dataclass(frozen=True, slots=True)
class Sandbox(Component):
    """Where hostile programs run: ``--sandbox NAME`` or ``SSD_HARNESS_SANDBOX``."""

    hook: ClassVar[str] = "ssd_sandboxes"
    noun: ClassVar[str] = "sandbox"

    factory: Callable[[], interface.Sandbox]
    """``factory()`` takes its settings from the environment."""


@dataclass(frozen=True, slots=True)
class Exporter(Component):
    """Writes samples in another tool's format: ``ssd-harness export --format NAME``."""

    hook: ClassVar[str] = "ssd_exporters"
    noun: ClassVar[str] = "exporter"

    factory: Callable[[Recipe], SampleExporter]
    """``factory(recipe)`` returns a :class:`~ssd_harness.extensions.contracts.SampleExporter`."""
    _: KW_ONLY
    text: bool = True
    """Whether rows hold text. If False, rows hold token ids, and warnings about text are not printed."""
    dataset_info: Mapping[str, object] | None = None
    """The entry for LLaMA-Factory's ``dataset_info.json``."""


@dataclass(frozen=True, slots=True)
class Engine(Component):
    """A library that generates continuations, for samplers and for the model classes of the evaluation.

    ``ssd_harness.distill.engine_sampler.EngineSampler`` is a sampler over any engine.
    """

    hook: ClassVar[str] = "ssd_engines"
    noun: ClassVar[str] = "engine"

    factory: Callable[[], EngineBackend]
    """``factory()`` returns an :class:`~ssd_harness.engines.contracts.EngineBackend`. It must not import the library,
    which may not be installed."""


TYPES: tuple[type[Component], ...] = (
    PromptSource,
    Sampler,
    Filter,
    Trainer,
    Transform,
    Sandbox,
    Exporter,
    Engine,
)
"""Every type of component; each hook returns one of them."""


def _check(component: str, name: str, expected: Any, value: object) -> None:
    if name == "factory":
        kinds: tuple[Any, ...] = (Callable,)
    else:
        options = get_args(expected) if isinstance(expected, types.UnionType) else (expected,)
        kinds = tuple(get_origin(option) or option for option in options)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        words = " or ".join(_WORDS.get(kind, kind.__name__) for kind in kinds)
        raise TypeError(f"{component}.{name}: expected {words}, got {value!r:.80}")
    if name == "name" and not _NAME.fullmatch(str(value)):
        raise ValueError(f"{component}.name: expected letters, digits, '.', '_' and '-', got {value!r:.80}")
    if value == "":
        raise ValueError(f"{component}.{name}: expected some text, got ''")
