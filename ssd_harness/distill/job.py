"""What one stage's process is told: a small file in the stage's folder."""

from dataclasses import asdict, dataclass
from pathlib import Path

from ssd_harness import foreign_json, storage
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.recipe.definition import Recipe

_FILE = "job.json"
_KINDS = {"stage": str, "recipe": dict, "model": str, "prompts": str, "prompt_count": int, "seed": int}


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
    """Read the job of a stage's folder; raises :class:`InfrastructureError` for one that cannot be what was written."""
    path = folder / _FILE
    try:
        fields = foreign_json.read(path, text_only=True)
        wrong = [name for name, kind in _KINDS.items() if not isinstance(fields[name], kind)]
        fields["recipe"] = Recipe(**fields["recipe"])
        for name in ("model", "prompts", "samples"):
            fields[name] = Path(fields[name]) if fields[name] else None
        job = Job(**fields)
    except (OSError, ValueError, TypeError, KeyError, UsageError) as error:
        raise InfrastructureError(f"cannot read what a stage was told: {error}", where=path) from error
    if wrong:
        raise InfrastructureError(f"what a stage was told has no {wrong[0]}", where=path)
    return job
