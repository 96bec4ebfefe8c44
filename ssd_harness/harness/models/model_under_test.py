"""What an ``ssd-*`` model evaluates: a checkpoint, made first if need be, or the base model as it is."""

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
from ssd_harness.distill.planning import as_it_is, engine_of, make_plan, resolve_for
from ssd_harness.engines import chat, loading
from ssd_harness.engines.choice import VLLM, EngineChoice
from ssd_harness.engines.quantization import stored_settings
from ssd_harness.estimates.evaluation_cost import EvaluationEngine
from ssd_harness.harness import evaluation_request
from ssd_harness.harness.models import class_arguments, evaluation_check
from ssd_harness.harness.models.evaluation_settings import asked_evaluation, evaluation_engine
from ssd_harness.harness.models.overlap_check import OverlapCheck
from ssd_harness.harness.models.prompt_style import PromptStyle
from ssd_harness.prompt_styles import PromptTemplate
from ssd_harness.prompts import prompt_style
from ssd_harness.prompts.overlap.lineage import Lineage, read_lineage
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.resolution import GIVEN, Resolved, asked

DEFAULT_PRETRAINED = "Qwen/Qwen3-4B-Instruct-2507"
PRETRAINED_VARIABLE = "SSD_HARNESS_PRETRAINED"

_GIVEN, _IN_FILES = "--model_args", "base model's generation_config.json"
"""Who decided a field of the decoding."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model folder, how to decode from it, and where it came from."""

    folder: Path
    recipe: Recipe
    decoding: Mapping[str, Any]
    """temperature, top_k, top_p, max_gen_toks: those that are known; a task decides about the others."""
    decoding_origins: Mapping[str, str]
    """Who decided each field of it."""
    about: Mapping[str, Any]
    """What the results say about it."""
    identity: Mapping[str, Any]
    """Which weights and tokenizer it is, for the store of its generations; a folder's name says nothing."""
    overlap: OverlapCheck
    style: PromptStyle


def find_subject(
    pretrained: str | None,
    overrides: Mapping[str, Any],
    *,
    name: str | None = None,
    revision: str | None = None,
    choice: EngineChoice | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> Subject:
    """Return what to evaluate, after making it if it is not there.

    ``rounds=0`` is the base model with its own decoding; ``ssd:NAME`` without ``rounds`` is that checkpoint with its
    recipe's; everything else is put through the recipe's transform. ``choice`` is the engine that evaluates, and
    samples too unless the recipe says otherwise; ``arguments`` is what the class is told beside the fields.
    """
    arguments = arguments or {}
    class_arguments.check(arguments)
    pretrained = pretrained or os.environ.get(PRETRAINED_VARIABLE) or DEFAULT_PRETRAINED
    rounds = asked("rounds", overrides)
    choice = choice or engine_of(overrides)
    if rounds == 0:
        return _base(pretrained, overrides, revision, arguments, choice)
    if pretrained.startswith(registry.PREFIX) and rounds is None:
        return _registered(pretrained, overrides, arguments, choice)
    engine = evaluation_engine(arguments, vllm=choice.name == VLLM)
    plan = make_plan(
        pretrained,
        overrides,
        name=name,
        revision=revision,
        engine=choice,
        tell=teller(),
        goal="none" if evaluation_request.rehearsal() == "words" else "checkpoint",
        evaluation=functools.partial(asked_evaluation, engine=engine),
    )
    settings = settings_folder(pretrained, revision)
    style = _style(plan.style, plan.recipe, settings, in_style=plan.prompts.in_style)
    plan = replace(plan, asked_otherwise=style.announce(teller()))
    if plan.made:
        _check_fit(pretrained, plan.made.path, plan.recipe, engine)
    overlap = _checked(plan.lineage(), plan.recipe)
    cached = plan.made is not None
    if not cached:  # lm-eval loads them only once the model is there
        overlap.meet_others()
    decoding, origins = _eval_decoding(plan.recipe), _origins(plan.resolved, "eval", "recipe")
    # A checkpoint has its base's configuration, tokenizer and template.
    if settings:
        _check_evaluation(
            pretrained, settings, plan.recipe, (decoding, origins), arguments, engine=engine, trains=not cached
        )
    evaluation_request.end_rehearsal()
    checkpoint = pipeline.run(plan)
    about = _about(checkpoint, plan.recipe) | {"transform": "reused" if cached else "made in this run"}
    about |= {"engine": choice.as_json()}
    about |= _overlap_words(overlap, plan.recipe)
    return Subject(checkpoint.path, plan.recipe, decoding, origins, about, _identity(checkpoint), overlap, style)


def _style(template: PromptTemplate, recipe: Recipe, settings: Path | None, **more: Any) -> PromptStyle:
    """Return what the evaluation follows, and the training did; without a chat template both have plain text."""
    templated = settings is not None and bool(chat.templates_of(settings))
    raw = recipe.prompt_format == "raw" and template.chat and templated
    return PromptStyle(prompt_style.whole(template, recipe), raw=raw, **more)


def teller() -> Callable[[str], None]:
    """Return what prints the plan: one rank of several is enough."""
    return say if os.environ.get("RANK", "0") == "0" else lambda _: None


def _checked(lineage: Lineage, recipe: Recipe) -> OverlapCheck:
    """Compare the prompts with the problems that are known already, before anything is sampled or loaded."""
    check = OverlapCheck(lineage, allowed=recipe.allow_overlap, tell=teller())
    check.meet_asked()
    return check


def _overlap_words(overlap: OverlapCheck, recipe: Recipe) -> dict[str, Any]:
    return {"overlap": overlap.results} | (
        {"allow_overlap": True} if recipe.allow_overlap or overlap.trained_on else {}
    )


def _base(
    pretrained: str,
    overrides: Mapping[str, Any],
    revision: str | None,
    arguments: Mapping[str, Any],
    choice: EngineChoice,
) -> Subject:
    engine = evaluation_engine(arguments, vllm=choice.name == VLLM)
    resolved, template = prompt_style.settle(resolve_for(pretrained, overrides, revision, engine=choice), pretrained)
    tell = teller()
    tell(f"evaluating {pretrained} as it is (rounds=0), with its own decoding")
    tell(f"  {choice.words}")
    base = find_base(pretrained, revision)
    settings = settings_folder(pretrained, revision)
    resolved = template_values.settle(resolved, base, settings, tell)
    recipe = resolved.recipe
    style = _style(template, recipe, settings, trained=registry.at(base.records()) is not None)
    style.announce(tell)
    overlap = _checked(lineage_of(base), recipe)
    if settings:
        counted = engine.counted and not stored_settings(settings)  # quantised weights are loaded as they are
        _check_fit(pretrained, settings, recipe, replace(engine, counted=counted))
    own = loading.generation_config(settings or base.folder())
    said = {
        "temperature": recipe.T_base,
        "top_k": recipe.top_k_base,
        "top_p": recipe.top_p_base,
        "max_gen_toks": recipe.max_gen_toks_eval,
    }
    # No top-k beside a temperature of the recipe's is a choice.
    asked_of_files = ("temperature", "top_k", "top_p") if recipe.T_base is None else ("top_p",)
    in_files = {field: own[field] for field in asked_of_files if own.get(field) is not None}
    known = in_files | {field: value for field, value in said.items() if value is not None}
    origins = _origins(resolved, "base", "recipe, base model")
    origins |= {field: _IN_FILES for field in in_files if said[field] is None}
    if "temperature" in known:
        for field, plain in (("top_k", None), ("top_p", 1.0)):
            if field not in known:
                known[field] = plain
                origins[field] = _GIVEN if origins[field] == _GIVEN else origins["temperature"]
    _check_evaluation(pretrained, settings or base.folder(), recipe, (known, origins), arguments, engine=engine)
    evaluation_request.end_rehearsal()
    folder = base.folder()
    about = {
        "transform": "none (rounds=0)",
        "engine": choice.as_json(),
        "base": {"name": base.name, "revision": base.revision, "weights": base.weights},
        "tokenizer": base.tokenizer,
        "parent": base.parent,
        "variant": made.manifest.get("variant") if (made := registry.at(folder)) else None,
        "fingerprint": None,
        **_overlap_words(overlap, recipe),
    }
    identity = {"weights": base.weights, "tokenizer": base.tokenizer}
    return Subject(folder, recipe, known, origins, about, identity, overlap, style)


def _registered(
    pretrained: str, overrides: Mapping[str, Any], arguments: Mapping[str, Any], choice: EngineChoice
) -> Subject:
    engine = evaluation_engine(arguments, vllm=choice.name == VLLM)
    checkpoint = as_it_is(pretrained, overrides)
    resolved, template = prompt_style.settle(resolve_for(pretrained, overrides, engine=choice), pretrained)
    kind = f", {registry.VERIFIED}" if checkpoint.verified else ""
    teller()(f"evaluating {pretrained} ({checkpoint.path}){kind}")
    teller()(f"  {choice.words}")
    # A checkpoint of another trainer, or of an earlier version, has no date of its own.
    tokenizer = str(checkpoint.manifest.get("tokenizer") or checkpoint.fingerprint)
    resolved = template_values.dated(resolved, chat.template_of(checkpoint.path), tokenizer, teller())
    recipe = resolved.recipe
    prompts = checkpoint.manifest.get("prompts") or {}
    known = prompt_style.is_known(checkpoint.manifest)
    style = _style(template, recipe, checkpoint.path, in_style=prompts.get("in_style"), trained=known)
    style.announce(teller())
    overlap = _checked(read_lineage(checkpoint.name, checkpoint.path, checkpoint.manifest), recipe)
    about = _about(checkpoint, recipe) | {"transform": "none, registered before", "engine": choice.as_json()}
    about |= _overlap_words(overlap, recipe)
    decoding, origins = _eval_decoding(recipe), _origins(resolved, "eval")
    _check_fit(pretrained, checkpoint.path, recipe, engine)
    _check_evaluation(pretrained, checkpoint.path, recipe, (decoding, origins), arguments, engine=engine)
    evaluation_request.end_rehearsal()
    return Subject(checkpoint.path, recipe, decoding, origins, about, _identity(checkpoint), overlap, style)


def _check_fit(name: str, folder: Path, recipe: Recipe, engine: EvaluationEngine) -> None:
    """Tell what the requested evaluation costs, and stop where it cannot fit this machine."""
    if evaluation_request.rehearsal() == "words":
        return
    if evaluation_request.rehearsal() == "words":
        return
    if evaluation := asked_evaluation(recipe, engine):
        stored = stored_bytes(recipe, folder)
        check_evaluation(evaluation, recipe, name=name, folder=folder, stored=stored, tell=teller())


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
    """Check the requested evaluation; where nothing is trained first, tasks of others are loaded soon enough."""
    fields, origins = decoding
    evaluation_check.check(
        name=name,
        folder=folder,
        recipe=recipe,
        decoding=fields,
        origins=origins,
        arguments=arguments,
        vllm=engine.vllm,
        others=trains or evaluation_request.rehearsal() is not None,
        tell=teller(),
    )


def _eval_decoding(recipe: Recipe) -> dict[str, Any]:
    decoding = {"temperature": recipe.T_eval, "top_k": recipe.top_k_eval, "top_p": recipe.top_p_eval}
    # No top-k is a choice; no length is none.
    return decoding | ({"max_gen_toks": recipe.max_gen_toks_eval} if recipe.max_gen_toks_eval else {})


def _origins(resolved: Resolved, side: str, otherwise: str | None = None) -> dict[str, str]:
    """Return who decided each field of the decoding: the user, or else ``otherwise``, or the layer of the recipe."""
    fields = {"temperature": f"T_{side}", "top_k": f"top_k_{side}", "top_p": f"top_p_{side}"}
    fields["max_gen_toks"] = "max_gen_toks_eval"
    found = {field: resolved.origins[name] for field, name in fields.items()}
    return {field: _GIVEN if origin == GIVEN else otherwise or origin for field, origin in found.items()}


def _about(checkpoint: registry.Checkpoint, recipe: Recipe) -> dict[str, Any]:
    """Return the manifest as results carry it: all of it but the loss of every step."""
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
