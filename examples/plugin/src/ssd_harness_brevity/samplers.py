"""A sampler that wraps the built-in one."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ssd_harness import Prompt, Recipe, Sample
from ssd_harness.distill.engine_sampler import EngineSampler


class ShorterOfTwo:
    """Draws two samples for each one that the recipe asks for, and yields the one with fewer tokens.

    Both come from :class:`EngineSampler` over the engine ``transformers``, which is what the built-in sampler ``hf``
    uses. So equal seeds give equal samples.
    """

    def __init__(self, model_folder: Path, recipe: Recipe) -> None:
        self._inner = EngineSampler(
            "transformers", model_folder, dataclasses.replace(recipe, n_train=2 * recipe.n_train)
        )

    def check(self, prompts: Iterable[Prompt]) -> None:
        """Refuse prompts that are too long for the model, before anything is sampled."""
        self._inner.check(prompts)

    def sample(self, prompts: Iterable[Prompt], seed: int) -> Iterator[Sample]:
        """Yield the shorter sample of each pair as soon as both are drawn."""
        unpaired: dict[tuple[str, int], Sample] = {}
        for sample in self._inner.sample(prompts, seed):
            pair = sample.prompt_id, sample.index // 2
            other = unpaired.pop(pair, None)
            if other is None:
                unpaired[pair] = sample
                continue
            shorter = min(sample, other, key=lambda drawn: (len(drawn.token_ids), drawn.index))
            yield dataclasses.replace(shorter, index=pair[1])

    def describe(self) -> Mapping[str, Any]:
        """Return what the manifest records about the sampling."""
        return {**self._inner.describe(), "chosen": "the shorter of two samples"}
