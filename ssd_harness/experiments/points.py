"""Points of a sweep: axes over recipe fields, and named grids for the paper's experiments."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ssd_harness.errors import UsageError
from ssd_harness.recipe.definition import Recipe, coerce, nearest

Point = Mapping[str, Any]
"""Recipe fields that differ from the model's recipe."""
Axes = Mapping[str, Sequence[Any]]

BASE: Point = {"rounds": 0}
_UNTRUNCATED: Point = {"top_k_train": None, "top_p_train": 1.0}


def parse_axis(word: str) -> tuple[str, list[Any]]:
    """Read ``field=value,value,...``; raises :class:`UsageError` for an unknown field or a value of the wrong kind."""
    name, separator, values = word.partition("=")
    if not separator or not values:
        raise UsageError(f"an axis is field=value,value,..., got {word!r}")
    return name, [coerce(name, value) for value in values.split(",")]


def grid(axes: Axes, start: Point | None = None) -> list[Point]:
    """Return every combination of the axes' values; the last axis varies fastest."""
    return [{**(start or {}), **dict(zip(axes, values, strict=True))} for values in itertools.product(*axes.values())]


def points(presets: Sequence[str], axes: Axes, recipe: Recipe) -> list[Point]:
    """Return the points of the named ``presets``. An axis replaces the preset's own of that name, or is added."""
    if not presets:
        return grid(axes)
    chosen: list[Point] = []
    for name in presets:
        if name not in PRESETS:
            raise UsageError(f"no grid is called {name!r}", next_step=nearest(name, PRESETS))
        chosen += PRESETS[name](recipe, axes)
    return chosen


def _replaced(preset_axes: Axes, axes: Axes) -> Axes:
    return {**preset_axes, **axes}


def _trained_and_decoded(recipe: Recipe, axes: Axes) -> list[Point]:
    """Vary T_train and T_eval, with the truncation of the recipe."""
    del recipe
    return [BASE, *grid(_replaced({"T_train": (0.7, 1.0, 1.5), "T_eval": (0.7, 1.0, 1.4, 1.8)}, axes))]


def _paper_grid(recipe: Recipe, axes: Axes) -> list[Point]:
    """Vary T_train and T_eval without truncation, as in the paper's Figure 10."""
    del recipe
    own = {"T_train": (0.5, 0.7, 1.0, 1.5, 2.0), "T_eval": tuple(tenth / 10 for tenth in range(6, 16))}
    return [BASE, *grid(_replaced(own, axes), {**_UNTRUNCATED, "top_k_eval": None, "top_p_eval": 1.0})]


def _null(recipe: Recipe, axes: Axes) -> list[Point]:
    """Train on the model's own distribution; decode model and base as the recipe does, and without truncation."""
    trained = {"T_train": 1.0, **_UNTRUNCATED}
    plain = {"T": 1.0, "top_k": None, "top_p": 1.0}
    return [
        *grid(axes, {**BASE, **_sided(plain, "base")}),
        *grid(axes, {**trained, **_sided(plain, "eval")}),
        *grid(axes, {**BASE, **_sided(_eval_decoding(recipe), "base")}),
        *grid(axes, trained),
        *grid(axes),
    ]


def _bad_data(recipe: Recipe, axes: Axes) -> list[Point]:
    """Train on samples at T 2 without truncation or filter; decode as the recipe does, and as the paper did."""
    trained = {"T_train": 2.0, **_UNTRUNCATED, "filter": "none"}
    paper = {"T_eval": 0.9, "top_k_eval": 20, "top_p_eval": 0.95}
    return [
        BASE,
        *grid(axes, {**BASE, **_sided(_eval_decoding(recipe), "base")}),
        *grid(axes, {**BASE, "T_base": 0.9, "top_k_base": 20, "top_p_base": 0.95}),
        *grid(axes),
        *grid(axes, trained),
        *grid(axes, {**trained, **paper}),
    ]


def _decode_only(recipe: Recipe, axes: Axes) -> list[Point]:
    """Decode the base model at other temperatures, with the truncation of the recipe's evaluation."""
    truncated = {"top_k_base": recipe.top_k_eval, "top_p_base": recipe.top_p_eval}
    return [BASE, *grid(_replaced({"T_base": (0.6, 0.8, 1.0, 1.2, 1.4)}, axes), {**BASE, **truncated})]


def _recipe(recipe: Recipe, axes: Axes) -> list[Point]:
    """Run the recipe unchanged; with --seeds this shows the effect of the training seed."""
    del recipe
    return [BASE, *grid(axes)]


PRESETS: dict[str, Callable[[Recipe, Axes], list[Point]]] = {
    "grid": _trained_and_decoded,
    "paper-grid": _paper_grid,
    "null": _null,
    "bad-data": _bad_data,
    "decode-only": _decode_only,
    "recipe": _recipe,
}


def _eval_decoding(recipe: Recipe) -> Point:
    return {"T": recipe.T_eval, "top_k": recipe.top_k_eval, "top_p": recipe.top_p_eval}


def _sided(decoding: Point, side: str) -> Point:
    return {f"{name}_{side}": value for name, value in decoding.items()}
