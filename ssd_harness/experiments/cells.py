"""Cells of a sweep: one point, one training seed and one task, with its training and the folder of its results."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ssd_harness.artifacts import registry
from ssd_harness.artifacts.base_model import BaseModel, find_base
from ssd_harness.distill.plan import Plan
from ssd_harness.distill.planning import make_plan
from ssd_harness.distill.resolving import checkpoint_to_evaluate, resolve_for
from ssd_harness.engines.contracts import GREEDY_BELOW
from ssd_harness.experiments.evaluation import Evaluation, model_class, short_hash
from ssd_harness.experiments.points import Point
from ssd_harness.harness.task.task_names import selection_of
from ssd_harness.recipe.definition import FIELDS, TEMPLATE_FIELDS, Recipe, coerce
from ssd_harness.recipe.resolution import requested_value

_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Cell:
    """One evaluation of a sweep. Its folder is named after everything that decides the result."""

    point: Point
    """The fields that this cell uses and that vary between cells, without the seed."""
    recipe: Recipe
    plan: Plan | None
    """The plan of the training that this cell needs; None for a model that is evaluated without training."""
    evaluation: Evaluation
    weights: str
    """Identity of the evaluated weights; cells with the same identity share one training."""

    @property
    def label(self) -> str:
        """The cell's fields, as a user would write them."""
        words = [f"{name}={_word(value)}" for name, value in self.point.items()]
        seed = [f"seed={self.recipe.seed}"] if self.plan else []
        return " ".join([*words, *seed]) or "as it is"

    @property
    def is_base(self) -> bool:
        """Whether it is the base model, without the transform."""
        return self.recipe.rounds == 0


@dataclass(frozen=True, slots=True)
class Request:
    """The settings that all cells of a sweep share."""

    model: str
    fields: Mapping[str, Any]
    """Fields of every cell."""
    tasks: Sequence[str]
    out: Path
    limit: int | None = None
    repeats: int | None = None
    model_args: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the model class besides the recipe fields."""
    options: Sequence[str] = ()
    """Further arguments of lm_eval."""


def make_cells(request: Request, points: Iterable[Point], seeds: Sequence[int]) -> list[Cell]:
    """Resolve every point and seed, without repetitions; raises :class:`UsageError` before anything is trained.

    A cell has only the fields that its evaluation uses: a cell of a base model has neither training fields nor a seed.
    A registered checkpoint is evaluated without training, as in lm_eval, unless ``rounds`` is given.
    """
    plans: dict[str, Plan] = {}
    cells: dict[str, Cell] = {}
    base: BaseModel | None = None
    for task in request.tasks:
        for point in points:
            for seed in seeds or (None,):
                all_fields = {**request.fields, **point, **({} if seed is None else {"seed": seed})}
                fields = _used_fields(all_fields)
                recipe = resolve_for(request.model, fields).recipe
                plan = None
                if request.model.startswith(registry.PREFIX) and requested_value("rounds", fields) is None:
                    identity = checkpoint_to_evaluate(request.model, fields).fingerprint
                elif recipe.rounds:
                    key = repr(sorted((name, str(value)) for name, value in fields.items() if not _is_eval(name)))
                    plans[key] = plan = plans.get(key) or make_plan(
                        request.model, fields, tell=lambda _: None, goal="none"
                    )
                    identity = plan.fingerprint
                else:
                    base = base or find_base(request.model)
                    identity = base.weights
                own = {name: coerce(name, value) for name, value in fields.items() if name in point}
                gen_kwargs = {} if selection_of(task) else _gen_kwargs(recipe, fields)
                key = _key(request, task, recipe, identity, gen_kwargs)
                if key not in cells:
                    evaluation = _evaluation(request, task, fields, own, recipe, gen_kwargs=gen_kwargs, key=key)
                    cells[key] = Cell(own, recipe, plan, evaluation, identity)
    return list(cells.values())


def _key(request: Request, task: str, recipe: Recipe, identity: str, gen_kwargs: Mapping[str, Any]) -> str:
    """Return a hash of everything that decides a cell's result."""
    side = "_eval" if recipe.rounds else "_base"
    decoding = {name: getattr(recipe, name) for name in FIELDS if name.endswith(side)}
    if not recipe.rounds and recipe.template_values:  # for a checkpoint, they are part of its fingerprint
        decoding["template_values"] = recipe.template_values
    limits = (recipe.max_gen_toks_eval, request.limit, request.repeats)
    by = model_class(recipe, request.model_args)
    further = [part for part in (dict(request.model_args), list(request.options), dict(gen_kwargs)) if part]
    return short_hash(identity, decoding, limits, task, by.name, *further)


def _evaluation(
    request: Request,
    task: str,
    fields: Mapping[str, Any],
    own: Point,
    recipe: Recipe,
    *,
    gen_kwargs: Mapping[str, Any],
    key: str,
) -> Evaluation:
    words = [f"{field}{_word(value)}" for field, value in own.items()]
    words += [f"seed{recipe.seed}"] if recipe.rounds else []
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", "-".join(words))[:_LONGEST]
    cells = request.out / "cells"
    # The same cell may exist already, with the name that another grid gave it.
    folder = next(cells.glob(f"*-{key}"), cells / f"{name}-{key}")
    by = model_class(recipe, request.model_args)
    arguments = {"pretrained": request.model, **fields, **by.arguments}
    return Evaluation(
        folder, by.name, arguments, task, request.limit, request.repeats, gen_kwargs, tuple(request.options)
    )


def _gen_kwargs(recipe: Recipe, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the decoding that replaces a third-party task's own, in lm-eval's terms; empty if the sweep sets none.

    In lm-eval, a top-k of 0 means no truncation.
    """
    side = "eval" if recipe.rounds else "base"
    names = (f"T_{side}", f"top_k_{side}", f"top_p_{side}")
    temperature, top_k, top_p = (getattr(recipe, name) for name in names)
    decoding: dict[str, Any] = {}
    if temperature is not None and any(requested_value(name, fields) is not None or name in fields for name in names):
        decoding = {"do_sample": temperature >= GREEDY_BELOW, "temperature": temperature, "top_k": top_k or 0}
        decoding |= {} if top_p is None else {"top_p": top_p}  # without top_p, the base model's own applies
    if requested_value("max_gen_toks_eval", fields) is not None:
        decoding["max_gen_toks"] = recipe.max_gen_toks_eval
    return decoding


def _used_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a cell uses: those of the base model with ``rounds=0``, otherwise all others."""
    if requested_value("rounds", fields) == 0:
        return {name: value for name, value in fields.items() if _is_base(name)}
    return {name: value for name, value in fields.items() if not name.endswith("_base")}


def _is_base(name: str) -> bool:
    kept = {"rounds", "recipe", "max_gen_toks_eval", *TEMPLATE_FIELDS}
    return name in kept or name.endswith("_base") or (name in FIELDS and FIELDS[name].metadata["side"] == "run")


def _is_eval(name: str) -> bool:
    return name in FIELDS and FIELDS[name].metadata["side"] == "eval"


def _word(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
