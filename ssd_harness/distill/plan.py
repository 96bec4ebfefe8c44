"""A plan: what a transform will do, known before it samples or trains, and its rounds."""

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
"""What each round adds to the recipe's seed: any number would do; the first round has the recipe's own seed."""


@dataclass(frozen=True, slots=True)
class Round:
    """One pass of the method: sample, filter, train; each artifact is called by all that decides it."""

    number: int
    """From 1."""
    recipe: Recipe
    """The recipe that ends with this round; its fields are the plan's but for ``rounds``."""
    fingerprint: str
    """Of the checkpoint that this round makes."""
    name: str
    samples_identity: str
    kept_identity: str

    @property
    def seed(self) -> int:
        """Seed of sampling and training."""
        return self.recipe.seed + _SEED_STEP * (self.number - 1)

    @property
    def samples(self) -> Path:
        """Folder of the raw samples; plans that differ only in what follows share it."""
        return samples_folder(self.samples_identity)

    @property
    def kept(self) -> Path:
        """Folder of the samples that the filter kept; plans that differ only in the training share it."""
        return kept_folder(self.kept_identity)

    @property
    def training(self) -> Path:
        """Folder of the run: its plan, and the log and state of its training."""
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
    """What the fingerprint is made of, besides the recipe."""
    variant: str = registry.PLAIN
    """``registry.VERIFIED`` where the filter, or one that the base was made with, looks at what programs do."""
    style: PromptTemplate = field(default_factory=lambda: prompt_styles.load(prompt_styles.DEFAULT))
    """The prompt style, without the recipe's system message."""
    evaluation_differs: str | None = None
    """How the evaluation that this checkpoint is made for asks in other words than the training, if it does."""

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
        # The first version of a built-in filter is no part, and reads nothing but its argument.
        of_plugin = [self.parts["filter"], result] if "filter" in self.parts else []
        kept = kept_identity(samples, recipe.filter, *of_plugin)
        name = self.name if self.recipe.rounds == 1 else f"{self.name}-r{number}"
        return Round(number, recipe, result, name, samples, kept)

    def lineage(self) -> Lineage:
        """Return all prompts that the result is trained on: this plan's, and those that its base was made from."""
        kept = self.prompts.overlapping if self.prompts.overlap_kept else 0
        return Lineage((self.prompts.sketch(),), kept=kept) + lineage_of(self.base)


def lineage_of(base: BaseModel) -> Lineage:
    """Return the prompts that a base model was made from, as far as its manifest says."""
    checkpoint = registry.at(base.records())
    return read_lineage(checkpoint.name, checkpoint.path, checkpoint.manifest) if checkpoint else Lineage()
