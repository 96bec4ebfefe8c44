"""The job of one stage's process: a small file in the folder that the stage fills."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ssd_harness import foreign_json, storage
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.recipe.definition import Recipe

_FILE = "job.json"
_KINDS = {"stage": str, "recipe": dict, "model": str, "prompts": str, "prompt_count": int, "seed": int}


@dataclass(frozen=True, slots=True)
class Job:
    """The input of one stage: the recipe, the model, and the folders to read from."""

    stage: str
    recipe: Recipe
    model: Path
    """Folder of the model to sample from or to fine-tune."""
    prompts: Path
    """The stored prompt set."""
    prompt_count: int
    seed: int
    """The round's seed."""
    samples: Path | None = None
    """Folder of the samples to filter or to train on."""

    def write(self, folder: Path) -> None:
        """Store the job in the stage's folder."""
        values = {**asdict(self), "model": str(self.model), "prompts": str(self.prompts)}
        storage.write_json(folder / _FILE, values | {"samples": str(self.samples) if self.samples else None})


def read_job(folder: Path) -> Job:
    """Read the job in a stage's folder. Raises :class:`InfrastructureError` if the file is damaged."""
    path = folder / _FILE
    try:
        content = foreign_json.read(path, text_only=True)
        wrong = [name for name, kind in _KINDS.items() if not isinstance(content[name], kind) or content[name] == ""]
        values = {field.name: content.get(field.name) for field in fields(Job)}
        values["recipe"] = Recipe(**content["recipe"])
        for name in ("model", "prompts"):
            values[name] = Path(values[name])
        values["samples"] = Path(values["samples"]) if values["samples"] else None
        job = Job(**values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, UsageError) as error:
        raise InfrastructureError(f"cannot read the job of a stage: {error}", where=path) from error
    if wrong:
        raise InfrastructureError(f"the job of a stage has no valid {wrong[0]}", where=path)
    return job
