"""What the chat template is handed: values that it must read, and a date that stays the same from run to run."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from ssd_harness import foreign_json, storage
from ssd_harness.distill.base_model import BaseModel
from ssd_harness.distill.plan_lines import Say
from ssd_harness.engines import chat
from ssd_harness.errors import UsageError
from ssd_harness.home import home
from ssd_harness.recipe import Recipe
from ssd_harness.recipes.resolution import Resolved

_FIELD = "template_date"


def settle(resolved: Resolved, base: BaseModel, folder: Path | None, tell: Say) -> Resolved:
    """Check the values for the chat template and fix the date that it writes.

    ``folder`` holds the model's own settings, None where they are not known. A template that writes today's date gets
    the date of the first run of this model in this state folder, so that a resumed run has the same prompts. The
    recipe, and with it the fingerprint, then names it. Raises :class:`UsageError` for a value that the template
    does not read.
    """
    template = chat.template_of(folder) if folder else None
    check(resolved.recipe, template, base.name)
    if template is None or not chat.writes_today(template):
        return resolved
    if resolved.recipe.template_date is None:
        recipe = replace(resolved.recipe, template_date=_first_date(base.tokenizer))
        origin = f"the model's first run here; give {_FIELD}=YYYY-MM-DD for another"
        resolved = replace(resolved, recipe=recipe, origins={**resolved.origins, _FIELD: origin})
    tell(f"  chat template: today's date is {resolved.recipe.template_date} ({resolved.origins[_FIELD]})")
    return resolved


def check(recipe: Recipe, template: str | None, model: str) -> None:
    """Raise :class:`UsageError` for a value that the model's chat template does not read."""
    for name in recipe.template_values:
        if recipe.prompt_format == "raw":
            raise UsageError(f"{name} is given, but prompt_format=raw uses no chat template", next_step="leave it out")
        if template is None or not chat.reads(template, name):
            what = "has no chat template" if template is None else "has a chat template that does not read it"
            raise UsageError(f"{name} is given, but {model} {what}", next_step="leave it out, or check its spelling")
    if recipe.template_date is not None and (template is None or not chat.writes_today(template)):
        raise UsageError(
            f"{_FIELD} is given, but the chat template of {model} writes no date of today", next_step="leave it out"
        )


def _first_date(tokenizer: str) -> str:
    """Return the date kept for a tokenizer with its template; the first caller's today becomes it."""
    name = "".join(letter for letter in tokenizer if letter.isalnum())[-32:]
    path = home() / "template-dates" / f"{name}.json"
    with storage.locked(path.with_suffix(".lock")):
        try:
            return date.fromisoformat(foreign_json.read(path)["date"]).isoformat()
        except (OSError, ValueError, TypeError, KeyError):
            first = _today().isoformat()  # nothing is kept yet, or nothing that can be read
        storage.write_json(path, {"date": first})
    return first


def _today() -> date:
    return datetime.now().astimezone().date()
