"""The hooks. ssd-harness loads this module with every command, so it imports nothing heavy."""

from pathlib import Path

from ssd_harness import Filter, ModelSampler, Recipe, SampleFilter, Sampler, hookimpl
from ssd_harness.extensions.components import RECIPE_ENGINE


@hookimpl
def ssd_sample_filters() -> list[Filter]:
    """Provide ``filter=max-lines`` and ``filter=max-lines:N``."""
    return [Filter("max-lines", _max_lines, version="1")]


@hookimpl
def ssd_samplers() -> list[Sampler]:
    """Provide ``sampler=shorter-of-two``."""
    return [Sampler("shorter-of-two", _shorter_of_two, version="1", model_class=RECIPE_ENGINE)]


def _max_lines(argument: str, recipe: Recipe) -> SampleFilter:
    from ssd_harness_brevity.filters import max_lines

    return max_lines(argument, recipe)


def _shorter_of_two(model_folder: Path, recipe: Recipe) -> ModelSampler:
    from ssd_harness_brevity.samplers import ShorterOfTwo

    return ShorterOfTwo(model_folder, recipe)
