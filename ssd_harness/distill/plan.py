"""What a transform will do, known before it does anything: recipe, base model, prompts, name and fingerprint."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ssd_harness import prompt_styles
from ssd_harness.artifacts import registry
from ssd_harness.artifacts.base_model import BaseModel
from ssd_harness.home import home
from ssd_harness.prompt_styles import PromptTemplate
from ssd_harness.prompts.overlap.lineage import Lineage, read_lineage
from ssd_harness.prompts.prompt_set import PromptSet
from ssd_harness.recipe.definition import Recipe, fingerprint, samples_fingerprint
from ssd_harness.recipe.resolution import Resolved


@dataclass(frozen=True, slots=True)
class Plan:
    """One transform, resolved down to the fingerprint of its result."""

    resolved: Resolved
    base: BaseModel
    prompts: PromptSet
    fingerprint: str
    name: str
    made: registry.Checkpoint | None
    """The checkpoint, if it exists already."""
    parts: Mapping[str, str]
    """What the fingerprint is made of, besides the recipe."""
    whole: str | None = None
    """Name of the plan of more rounds that this is a part of."""
    variant: str = registry.PLAIN
    """``registry.VERIFIED`` where this filter, or one that the base was made with, looks at what programs do."""

    style: PromptTemplate = field(default_factory=lambda: prompt_styles.load(prompt_styles.DEFAULT))
    """The prompt style, without the recipe's system message."""
    asked_otherwise: str | None = None
    """Where the evaluation that asks for this checkpoint has other words than the training: how they differ."""

    def up_to(self, number: int) -> "Plan":
        """Return the plan of the first ``number`` rounds alone, which is what any plan of so many rounds would do."""
        if number == self.recipe.rounds and (number == 1 or self.whole):
            return self
        recipe = replace(self.recipe, rounds=number)
        found = fingerprint(recipe, **self.parts)
        whole = self.whole or self.name
        return replace(
            self,
            resolved=replace(self.resolved, recipe=recipe),
            fingerprint=found,
            name=f"{whole}-r{number}",
            made=registry.find(found),
            whole=whole,
        )

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe."""
        return self.resolved.recipe

    def samples_identity(self) -> str:
        """Return what the samples of the last round are called; plans that only train otherwise share them."""
        model = self.parts["base"] if self.recipe.rounds == 1 else self.up_to(self.recipe.rounds - 1).fingerprint
        parts = {name: self.parts[name] for name in ("tokenizer", "prompts", "sampler")}
        return samples_fingerprint(self.recipe, model=model, **parts)

    def lineage(self) -> Lineage:
        """Return all prompts that the result is trained on: this plan's, and those that its base was made from."""
        kept = self.prompts.overlapping if self.prompts.overlap_kept else 0
        return Lineage((self.prompts.sketch(),), kept=kept) + lineage_of(self.base)

    @property
    def folder(self) -> Path:
        """Where the stages work."""
        return home() / "runs" / self.fingerprint[:16]


def lineage_of(base: BaseModel) -> Lineage:
    """Return the prompts that a base model was made from, as far as it has a manifest of ours."""
    made = registry.at(base.records())
    return read_lineage(made.name, made.path, made.manifest) if made else Lineage()
