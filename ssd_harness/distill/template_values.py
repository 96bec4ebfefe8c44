"""Values for the chat template: each must be one that the template reads, and the date is the same in every run."""

import json
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from ssd_harness import foreign_json, storage
from ssd_harness.artifacts.base_model import BaseModel
from ssd_harness.distill.plan_lines import Say
from ssd_harness.engines import chat
from ssd_harness.errors import UsageError
from ssd_harness.home import home
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.resolution import Resolved

_FIELD = "template_date"
_VARIABLE, _LLAMAS = "date_string", "%d %b %Y"
"""The date variable of Llama's templates, and its format."""


def fix_values(resolved: Resolved, base: BaseModel, folder: Path | None, tell: Say) -> Resolved:
    """Check the values for the chat template and fix the date that it writes.

    ``folder`` holds the model's settings; None if they are not known. Raises :class:`UsageError` for a value that the
    template does not read.
    """
    template = chat.template_of(folder) if folder else None
    check(resolved.recipe, template, base.name)
    return fix_date(resolved, template, base.tokenizer, tell)


def fix_date(resolved: Resolved, template: str | None, tokenizer: str, tell: Say) -> Resolved:
    """Fix the date that a chat template writes, and print it.

    A template that calls ``strftime_now`` gets the date of the first run of this model in this cache, so that a resumed
    run has the same prompts. The date then becomes part of the recipe and its fingerprint. A template that only reads
    the variable ``date_string`` writes its own constant unless ``template_date`` is given.
    """
    recipe = resolved.recipe
    if template is None:
        return resolved
    if chat.writes_today(template):
        if recipe.template_date is None:
            recipe = replace(recipe, template_date=_first_date(tokenizer))
            origin = f"the model's first run here; give {_FIELD}=YYYY-MM-DD for another"
            resolved = replace(resolved, recipe=recipe, origins={**resolved.origins, _FIELD: origin})
        tell(f"  chat template: today's date is {recipe.template_date} ({resolved.origins[_FIELD]})")
    elif chat.reads(template, _VARIABLE):
        values = recipe.template_values
        if recipe.template_date is not None:
            values[_VARIABLE] = date.fromisoformat(recipe.template_date).strftime(_LLAMAS)
            arguments = json.loads(recipe.chat_template_args or "{}") | {_VARIABLE: values[_VARIABLE]}
            recipe = replace(recipe, chat_template_args=json.dumps(arguments, sort_keys=True))
            resolved = replace(resolved, recipe=recipe)
        word = (
            repr(values[_VARIABLE])
            if _VARIABLE in values
            else f"the template's own; give {_FIELD}=YYYY-MM-DD to set it"
        )
        tell(f"  chat template: {_VARIABLE} is {word}")
    return resolved


def check(recipe: Recipe, template: str | None, model: str) -> None:
    """Raise :class:`UsageError` for a value that the model's chat template does not read."""
    for name in recipe.template_values:
        if recipe.prompt_format == "raw":
            raise UsageError(f"{name} is given, but prompt_format=raw uses no chat template", next_step="leave it out")
        if template is None or not chat.reads(template, name):
            what = "has no chat template" if template is None else "has a chat template that does not read it"
            raise UsageError(f"{name} is given, but {model} {what}", next_step="leave it out, or check its spelling")
    if recipe.template_date is None:
        return
    if template is None or not (chat.writes_today(template) or chat.reads(template, _VARIABLE)):
        raise UsageError(
            f"{_FIELD} is given, but the chat template of {model} writes no date of today", next_step="leave it out"
        )
    given = recipe.template_values.get(_VARIABLE)
    if given not in (None, date.fromisoformat(recipe.template_date).strftime(_LLAMAS)):
        raise UsageError(
            f"{_FIELD} is {recipe.template_date}, but chat_template_args has {_VARIABLE} {given!a}",
            next_step="leave one of them out",
        )


def _first_date(tokenizer: str) -> str:
    """Return the date stored for a tokenizer and its template; the first call stores today's."""
    name = "".join(letter for letter in tokenizer if letter.isalnum())[-32:]
    path = home() / "template-dates" / f"{name}.json"
    with storage.locked(path.with_suffix(".lock")):
        try:
            return date.fromisoformat(foreign_json.read(path)["date"]).isoformat()
        except (OSError, ValueError, TypeError, KeyError):
            first = _today().isoformat()  # nothing stored yet, or not readable
        storage.write_json(path, {"date": first})
    return first


def _today() -> date:
    return datetime.now().astimezone().date()
