"""What one stage's process is told: a small file in the stage's folder."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ssd_harness import storage
from ssd_harness.recipe import Recipe

_FILE = "job.json"


@dataclass(frozen=True, slots=True)
class Job:
    """One stage's work: the recipe, the model to work with, and where its input stands."""

    stage: str
    recipe: Recipe
    model: Path
    """Folder of the model to sample from or to fine-tune."""
    prompts: Path
    """The stored prompt set."""
    prompt_count: int
    seed: int
    """The recipe's seed, moved on by the round."""
    samples: Path | None = None
    """Folder of the stage whose samples this one takes."""
    identity: str | None = None
    """What the samples that this one draws are called, for other runs to find them."""

    def write(self, folder: Path) -> None:
        """Store the job in the stage's folder."""
        fields = {**asdict(self), "model": str(self.model), "prompts": str(self.prompts)}
        storage.write_json(folder / _FILE, fields | {"samples": str(self.samples) if self.samples else None})


def read_job(folder: Path) -> Job:
    """Read the job of a stage's folder."""
    fields = json.loads((folder / _FILE).read_text("utf-8"))
    fields["recipe"] = Recipe(**fields["recipe"])
    for name in ("model", "prompts", "samples"):
        fields[name] = Path(fields[name]) if fields[name] else None
    return Job(**fields)
