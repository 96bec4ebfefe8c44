"""A plan and its rounds: everything that a transform will do, fixed before it samples or trains."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ssd_harness import prompt_styles
from ssd_harness.artifacts import registry
from ssd_harness.artifacts.base_model import BaseModel
from ssd_harness.artifacts.layout import kept_folder, kept_identity, samples_folder, training_folder
from ssd_harness.prompt_styles import PromptTemplate
from ssd_harness.prompts.overlap.lineage import Lineage, read_lineage
from ssd_harness.prompts.prompt_set import PromptSet
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.fingerprint import fingerprint, samples_fingerprint
from ssd_harness.recipe.resolution import Resolved

_SEED_STEP = 1_000_003
"""Difference between the seeds of consecutive rounds, an arbitrary number; the first round uses the recipe's seed."""


@dataclass(frozen=True, slots=True)
class Round:
    """One pass of the method: sample, filter, train."""

    number: int
    """Counts from 1."""
    recipe: Recipe
    """The plan's recipe, with ``rounds`` equal to ``number``."""
    fingerprint: str
    """Fingerprint of the checkpoint that this round makes."""
    name: str
    """Name of that checkpoint."""
    samples_identity: str
    """Hash of everything that decides the samples; it names their folder."""
    kept_identity: str
    """The same for the samples that the filter keeps."""

    @property
    def seed(self) -> int:
        """Seed of sampling and training."""
        return self.recipe.seed + _SEED_STEP * (self.number - 1)

    @property
    def samples(self) -> Path:
        """Folder of the raw samples; plans that sample alike share it, whatever their filter and training."""
        return samples_folder(self.samples_identity)

    @property
    def kept(self) -> Path:
        """Folder of the samples that the filter kept; plans that differ only in their training share it."""
        return kept_folder(self.kept_identity)

    @property
    def training(self) -> Path:
        """Folder of the run, with its plan and the log and state of its training."""
        return training_folder(self.fingerprint)

    @property
    def begun(self) -> bool:
        """Whether a run has started on this round, or its checkpoint exists."""
        return self.training.exists() or registry.find(self.fingerprint) is not None


@dataclass(frozen=True, slots=True)
class Plan:
    """One transform, resolved down to the fingerprint of its result."""

    resolved: Resolved
    base: BaseModel
    prompts: PromptSet
    fingerprint: str
    name: str
    checkpoint: registry.Checkpoint | None
    """The result, if it exists already."""
    parts: Mapping[str, str]
    """The other inputs of the fingerprint besides the recipe, by name."""
    variant: str = registry.PLAIN
    """``registry.VERIFIED`` if this plan's filter, or the filter of a checkpoint that it starts from, runs programs."""
    style: PromptTemplate = field(default_factory=lambda: prompt_styles.load(prompt_styles.DEFAULT))
    """The prompt style, without the recipe's system message."""
    evaluation_differs: str | None = None
    """How the prompts of the evaluation that follows differ from those of the training; None if they do not."""

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe."""
        return self.resolved.recipe

    @property
    def rounds(self) -> tuple[Round, ...]:
        """The rounds in order; the last one makes the plan's result."""
        rounds: list[Round] = []
        for number in range(1, self.recipe.rounds + 1):
            rounds.append(self._round(number, rounds[-1].fingerprint if rounds else self.parts["base"]))
        return tuple(rounds)

    def _round(self, number: int, model: str) -> Round:
        """Return one round; ``model`` identifies the model that it samples from."""
        recipe = replace(self.recipe, rounds=number)
        result = fingerprint(recipe, **self.parts)
        parts = {name: self.parts[name] for name in ("tokenizer", "prompts", "sampler")}
        samples = samples_fingerprint(recipe, model=model, **parts)
        # Version 1 of a built-in filter is not in ``parts``: it depends on its argument alone.
        plugin_parts = [self.parts["filter"], result] if "filter" in self.parts else []
        kept = kept_identity(samples, recipe.filter, *plugin_parts)
        name = self.name if self.recipe.rounds == 1 else f"{self.name}-r{number}"
        return Round(number, recipe, result, name, samples, kept)

    def lineage(self) -> Lineage:
        """Return all prompts that the result is trained on: this plan's, and those of the checkpoint it starts from."""
        kept = self.prompts.overlapping if self.prompts.overlap_kept else 0
        return Lineage((self.prompts.sketch(),), kept=kept) + lineage_of(self.base)


def lineage_of(base: BaseModel) -> Lineage:
    """Return the prompts that a base model was trained on, as far as its manifest records them."""
    checkpoint = registry.at(base.records())
    return read_lineage(checkpoint.name, checkpoint.path, checkpoint.manifest) if checkpoint else Lineage()
