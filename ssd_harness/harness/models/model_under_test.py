"""Prepare the model that an ``ssd-*`` class evaluates: a checkpoint, trained first if necessary, or the base model."""

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ssd_harness.artifacts import registry
from ssd_harness.artifacts.base_model import find_base, settings_folder
from ssd_harness.distill import pipeline, template_values
from ssd_harness.distill.estimate import stored_bytes
from ssd_harness.distill.evaluation_fit import check_evaluation
from ssd_harness.distill.plan import lineage_of
from ssd_harness.distill.plan_lines import say
from ssd_harness.distill.planning import make_plan
from ssd_harness.distill.resolving import checkpoint_to_evaluate, engine_of, resolve_for
from ssd_harness.engines import chat, loading
from ssd_harness.engines.choice import VLLM, EngineChoice
from ssd_harness.engines.quantization import stored_settings
from ssd_harness.estimates.evaluation_cost import EvaluationEngine
from ssd_harness.harness import run_context
from ssd_harness.harness.models import class_arguments, evaluation_check
from ssd_harness.harness.models.cost_inputs import evaluation_engine, requested_evaluation
from ssd_harness.harness.models.overlap_check import OverlapCheck
from ssd_harness.harness.models.prompt_style import PromptStyle
from ssd_harness.prompt_styles import PromptTemplate
from ssd_harness.prompts import prompt_style
from ssd_harness.prompts.overlap.lineage import Lineage, read_lineage
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.resolution import GIVEN, Resolved, requested_value

DEFAULT_PRETRAINED = "Qwen/Qwen3-4B-Instruct-2507"
PRETRAINED_VARIABLE = "SSD_HARNESS_PRETRAINED"

_GIVEN, _IN_FILES = "--model_args", "base model's generation_config.json"
"""Origins of a value of the decoding, as the summary prints them."""


@dataclass(frozen=True, slots=True)
class ModelUnderTest:
    """A model folder, its decoding, and its origin."""

    folder: Path
    recipe: Recipe
    decoding: Mapping[str, Any]
    """Those of temperature, top_k, top_p and max_gen_toks that the model defines; the task defines the others."""
    decoding_origins: Mapping[str, str]
    """The origin of each value of ``decoding``."""
    about: Mapping[str, Any]
    """The entry ``config.ssd`` of the results."""
    identity: Mapping[str, Any]
    """Weights and tokenizer. Generations are stored under these, because a folder's name identifies neither."""
    overlap: OverlapCheck
    style: PromptStyle


def prepare_model(
    pretrained: str | None,
    overrides: Mapping[str, Any],
    *,
    name: str | None = None,
    revision: str | None = None,
    choice: EngineChoice | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> ModelUnderTest:
    """Return the model to evaluate, and run the transform first if its checkpoint does not exist.

    With ``rounds=0`` this is the base model with its own decoding. ``ssd:NAME`` without ``rounds`` is that checkpoint
    with the decoding of its recipe. Any other model is transformed as its recipe says. ``choice`` is the engine of the
    evaluation, and of the sampling unless the recipe names another; ``arguments`` are those of lm-eval's model class.
    """
    arguments = arguments or {}
    class_arguments.check(arguments)
    pretrained = pretrained or os.environ.get(PRETRAINED_VARIABLE) or DEFAULT_PRETRAINED
    rounds = requested_value("rounds", overrides)
    choice = choice or engine_of(overrides)
    if rounds == 0:
        return _prepare_base(pretrained, overrides, revision, arguments, choice)
    if pretrained.startswith(registry.PREFIX) and rounds is None:
        return _prepare_registered(pretrained, overrides, arguments, choice)
    engine = evaluation_engine(arguments, vllm=choice.name == VLLM)
    plan = make_plan(
        pretrained,
        overrides,
        name=name,
        revision=revision,
        engine=choice,
        tell=plan_printer(),
        goal="checkpoint" if run_context.current().checks_machine else "none",
        evaluation=functools.partial(requested_evaluation, engine=engine),
    )
    settings = settings_folder(pretrained, revision)
    style = _style(plan.style, plan.recipe, settings, in_style=plan.prompts.in_style)
    plan = replace(plan, evaluation_differs=style.announce(plan_printer()))
    if plan.checkpoint:
        _check_fit(pretrained, plan.checkpoint.path, plan.recipe, engine)
    overlap = _check_overlap(plan.lineage(), plan.recipe)
    cached = plan.checkpoint is not None
    if not cached:  # otherwise an overlap would show only after the transform, when lm-eval loads these tasks
        overlap.check_third_party_tasks()
    decoding, origins = _eval_decoding(plan.recipe), _origins(plan.resolved, "eval", "recipe")
    # The checkpoint does not exist yet, but it will have its base model's configuration, tokenizer and template.
    if settings:
        _check_evaluation(
            pretrained, settings, plan.recipe, (decoding, origins), arguments, engine=engine, trains=not cached
        )
    run_context.current().end_dry_run()
    checkpoint = pipeline.run(plan)
    about = _checkpoint_info(checkpoint, plan.recipe) | {"transform": "reused" if cached else "made in this run"}
    about |= {"engine": choice.as_json()}
    about |= _overlap_fields(overlap, plan.recipe)
    return ModelUnderTest(checkpoint.path, plan.recipe, decoding, origins, about, _identity(checkpoint), overlap, style)


def _style(template: PromptTemplate, recipe: Recipe, settings: Path | None, **more: Any) -> PromptStyle:
    """Return the prompt style of training and evaluation; without a chat template, both use plain text."""
    templated = settings is not None and bool(chat.templates_of(settings))
    raw = recipe.prompt_format == "raw" and template.chat and templated
    return PromptStyle(prompt_style.with_system_message(template, recipe), raw=raw, **more)


def plan_printer() -> Callable[[str], None]:
    """Return a function that prints a line of the plan on the first rank, and nothing on the others."""
    return say if os.environ.get("RANK", "0") == "0" else lambda _: None


def _check_overlap(lineage: Lineage, recipe: Recipe) -> OverlapCheck:
    """Compare the training prompts with the LiveCodeBench problems, before anything is sampled or loaded."""
    check = OverlapCheck(lineage, allowed=recipe.allow_overlap, tell=plan_printer())
    check.check_own_tasks()
    return check


def _overlap_fields(overlap: OverlapCheck, recipe: Recipe) -> dict[str, Any]:
    return {"overlap": overlap.results} | (
        {"allow_overlap": True} if recipe.allow_overlap or overlap.trained_on else {}
    )


def _prepare_base(
    pretrained: str,
    overrides: Mapping[str, Any],
    revision: str | None,
    arguments: Mapping[str, Any],
    choice: EngineChoice,
) -> ModelUnderTest:
    engine = evaluation_engine(arguments, vllm=choice.name == VLLM)
    resolved, template = prompt_style.resolve_style(resolve_for(pretrained, overrides, engine=choice), pretrained)
    tell = plan_printer()
    tell(f"evaluating {pretrained} as it is (rounds=0), with its own decoding")
    tell(f"  {choice.words}")
    base = find_base(pretrained, revision)
    settings = settings_folder(pretrained, revision)
    resolved = template_values.fix_values(resolved, base, settings, tell)
    recipe = resolved.recipe
    style = _style(template, recipe, settings, trained=registry.at(base.records()) is not None)
    style.announce(tell)
    overlap = _check_overlap(lineage_of(base), recipe)
    if settings:
        # The estimate assumes unquantised weights, but an evaluation loads quantised ones as they are stored.
        counted = engine.counted and not stored_settings(settings)
        _check_fit(pretrained, settings, recipe, replace(engine, counted=counted))
    generation_config = loading.generation_config(settings or base.folder())
    from_recipe = {
        "temperature": recipe.T_base,
        "top_k": recipe.top_k_base,
        "top_p": recipe.top_p_base,
        "max_gen_toks": recipe.max_gen_toks_eval,
    }
    # If the recipe sets a temperature, a top-k of None in the recipe means off, so the file's is not used.
    fields_from_file = ("temperature", "top_k", "top_p") if recipe.T_base is None else ("top_p",)
    from_file = {
        field: generation_config[field] for field in fields_from_file if generation_config.get(field) is not None
    }
    decoding = from_file | {field: value for field, value in from_recipe.items() if value is not None}
    origins = _origins(resolved, "base", "recipe, base model")
    origins |= {field: _IN_FILES for field in from_file if from_recipe[field] is None}
    if "temperature" in decoding:
        for field, off in (("top_k", None), ("top_p", 1.0)):
            if field not in decoding:
                decoding[field] = off
                origins[field] = _GIVEN if origins[field] == _GIVEN else origins["temperature"]
    _check_evaluation(pretrained, settings or base.folder(), recipe, (decoding, origins), arguments, engine=engine)
    run_context.current().end_dry_run()
    folder = base.folder()
    about = {
        "transform": "none (rounds=0)",
        "engine": choice.as_json(),
        "base": {"name": base.name, "revision": base.revision, "weights": base.weights},
        "tokenizer": base.tokenizer,
        "parent": base.parent,
        "variant": checkpoint.manifest.get("variant") if (checkpoint := registry.at(folder)) else None,
        "fingerprint": None,
        **_overlap_fields(overlap, recipe),
    }
    identity = {"weights": base.weights, "tokenizer": base.tokenizer}
    return ModelUnderTest(folder, recipe, decoding, origins, about, identity, overlap, style)


def _prepare_registered(
    pretrained: str, overrides: Mapping[str, Any], arguments: Mapping[str, Any], choice: EngineChoice
) -> ModelUnderTest:
    engine = evaluation_engine(arguments, vllm=choice.name == VLLM)
    checkpoint = checkpoint_to_evaluate(pretrained, overrides)
    resolved, template = prompt_style.resolve_style(resolve_for(pretrained, overrides, engine=choice), pretrained)
    kind = f", {registry.VERIFIED}" if checkpoint.verified else ""
    plan_printer()(f"evaluating {pretrained} ({checkpoint.path}){kind}")
    plan_printer()(f"  {choice.words}")
    # The manifest of an imported checkpoint, or of one from an earlier version, may record neither tokenizer nor date.
    tokenizer = str(checkpoint.manifest.get("tokenizer") or checkpoint.fingerprint)
    resolved = template_values.fix_date(resolved, chat.template_of(checkpoint.path), tokenizer, plan_printer())
    recipe = resolved.recipe
    prompts = checkpoint.manifest.get("prompts") or {}
    style_known = prompt_style.is_known(checkpoint.manifest)
    style = _style(template, recipe, checkpoint.path, in_style=prompts.get("in_style"), trained=style_known)
    style.announce(plan_printer())
    overlap = _check_overlap(read_lineage(checkpoint.name, checkpoint.path, checkpoint.manifest), recipe)
    about = _checkpoint_info(checkpoint, recipe) | {"transform": "none, registered before", "engine": choice.as_json()}
    about |= _overlap_fields(overlap, recipe)
    decoding, origins = _eval_decoding(recipe), _origins(resolved, "eval")
    _check_fit(pretrained, checkpoint.path, recipe, engine)
    _check_evaluation(pretrained, checkpoint.path, recipe, (decoding, origins), arguments, engine=engine)
    run_context.current().end_dry_run()
    return ModelUnderTest(checkpoint.path, recipe, decoding, origins, about, _identity(checkpoint), overlap, style)


def _check_fit(name: str, folder: Path, recipe: Recipe, engine: EvaluationEngine) -> None:
    """Print the cost of the current evaluation; raise :class:`UsageError` if it does not fit this machine."""
    if not run_context.current().checks_machine:
        return
    if evaluation := requested_evaluation(recipe, engine):
        stored = stored_bytes(recipe, folder)
        check_evaluation(evaluation, recipe, name=name, folder=folder, stored=stored, tell=plan_printer())


def _check_evaluation(
    name: str,
    folder: Path,
    recipe: Recipe,
    decoding: tuple[Mapping[str, Any], Mapping[str, str]],
    arguments: Mapping[str, Any],
    *,
    engine: EvaluationEngine,
    trains: bool = False,
) -> None:
    """Check the current evaluation; third-party tasks are loaded here only if training would delay their errors."""
    fields, origins = decoding
    evaluation_check.check(
        name=name,
        folder=folder,
        recipe=recipe,
        decoding=fields,
        origins=origins,
        arguments=arguments,
        vllm=engine.vllm,
        third_party=trains or run_context.current().dry_run is not None,
        tell=plan_printer(),
    )


def _eval_decoding(recipe: Recipe) -> dict[str, Any]:
    decoding = {"temperature": recipe.T_eval, "top_k": recipe.top_k_eval, "top_p": recipe.top_p_eval}
    # A top-k of None means off; a length of None means that the task's own length applies.
    return decoding | ({"max_gen_toks": recipe.max_gen_toks_eval} if recipe.max_gen_toks_eval else {})


def _origins(resolved: Resolved, side: str, otherwise: str | None = None) -> dict[str, str]:
    """Return the origin of each value of the decoding: ``--model_args``, else ``otherwise`` or the recipe's layer."""
    fields = {"temperature": f"T_{side}", "top_k": f"top_k_{side}", "top_p": f"top_p_{side}"}
    fields["max_gen_toks"] = "max_gen_toks_eval"
    origins = {field: resolved.origins[name] for field, name in fields.items()}
    return {field: _GIVEN if origin == GIVEN else otherwise or origin for field, origin in origins.items()}


def _checkpoint_info(checkpoint: registry.Checkpoint, recipe: Recipe) -> dict[str, Any]:
    """Return the manifest's entries for the results: all stages, with only the first and the last loss."""
    keys = ("fingerprint", "base", "tokenizer", "parent", "variant", "prompts")
    rounds = []
    for stages in checkpoint.manifest["rounds"]:
        trained = stages.get("train") or {}
        losses = trained.get("losses") or []
        train = {key: value for key, value in trained.items() if key != "losses"}
        train |= {"first_loss": losses[0], "last_loss": losses[-1]} if losses else {}
        rounds.append({**stages, "train": train})
    return {
        **{key: checkpoint.manifest.get(key) for key in keys},
        "checkpoint": checkpoint.name,
        "path": str(checkpoint.path),
        "recipe": {**checkpoint.manifest["recipe"], **recipe.side("eval")},
        "rounds": rounds,
    }


def _identity(checkpoint: registry.Checkpoint) -> dict[str, Any]:
    return {"weights": checkpoint.weights, "tokenizer": checkpoint.manifest.get("tokenizer")}
