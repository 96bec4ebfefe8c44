"""Apply chat templates: from messages to token ids, for training and evaluation alike."""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date as calendar_date
from datetime import datetime, time
from pathlib import Path
from typing import Any

from ssd_harness import foreign_json
from ssd_harness.errors import UsageError

Messages = Sequence[Mapping[str, str]]


def has_template(tokenizer: Any) -> bool:
    """Whether the tokenizer has a chat template."""
    return bool(getattr(tokenizer, "chat_template", None))


def templates_of(folder: Path) -> dict[str, str]:
    """Return the chat templates of a model folder by name, found as transformers does; a single one is ``default``."""
    templates: dict[str, str] = {}
    for name in ("tokenizer_config.json", "chat_template.json"):
        try:
            settings = foreign_json.read(folder / name)
        except (OSError, ValueError):
            continue
        template = settings.get("chat_template") if isinstance(settings, dict) else None
        entries = template if isinstance(template, list) else [{"name": "default", "template": template}]
        for entry in entries:
            if isinstance(entry, dict) and isinstance(text := entry.get("template"), str):
                templates[str(entry.get("name"))] = text
    files = {file.stem: file for file in sorted((folder / "additional_chat_templates").glob("*.jinja"))}
    for name, file in {**files, "default": folder / "chat_template.jinja"}.items():
        try:
            templates[name] = file.read_text("utf-8")
        except (OSError, ValueError):
            continue
    return templates


def template_of(folder: Path) -> str | None:
    """Return the text of all chat templates of a model folder, None if it has none."""
    return "\n".join(templates_of(folder).values()) or None


def reads(template: str, name: str) -> bool:
    """Return whether a chat template mentions a value called ``name``."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", template) is not None


def writes_today(template: str) -> bool:
    """Return whether a chat template prints today's date."""
    return reads(template, "strftime_now")


@contextlib.contextmanager
def frozen_date(date: str | None) -> Iterator[None]:
    """Make ``date`` (YYYY-MM-DD) today's date for chat templates; None changes nothing."""
    if date is None:
        yield
        return
    from transformers.utils import chat_template_utils

    module: Any = chat_template_utils
    midnight = datetime.combine(calendar_date.fromisoformat(date), time())

    class Frozen(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return midnight.replace(tzinfo=tz)

    # strftime_now, which templates call, looks this name up in the module.
    clock, module.datetime = module.datetime, Frozen
    try:
        yield
    finally:
        module.datetime = clock


def prompt_ids(
    tokenizer: Any,
    messages: Messages,
    *,
    chat: bool = True,
    template_options: Mapping[str, Any] | None = None,
    date: str | None = None,
) -> tuple[int, ...]:
    """Return the token ids of a prompt, ready for the assistant's turn.

    Uses the chat template if ``chat`` and the tokenizer has one; otherwise joins the contents with empty lines.
    ``template_options`` are passed to the template by name; ``date`` is its today. If a template refuses a system
    message, that is put at the start of the user's turn. Raises :class:`UsageError` for other messages it refuses.
    """
    if not chat or not has_template(tokenizer):
        return tuple(tokenizer.encode("\n\n".join(message["content"] for message in messages)))
    options = {"add_generation_prompt": True, "tokenize": False, **(template_options or {})}
    from jinja2 import TemplateError

    try:
        with frozen_date(date):
            text = tokenizer.apply_chat_template(list(messages), **options)
    except TemplateError as error:
        if len(messages) < 2 or messages[0]["role"] != "system":
            raise UsageError(f"the chat template refuses a prompt: {error}") from error
        first, second, *rest = messages
        joined = {**second, "content": f"{first['content']}\n\n{second['content']}"}
        return prompt_ids(tokenizer, [joined, *rest], template_options=template_options, date=date)
    # The template has written all special tokens.
    return tuple(tokenizer.encode(text, add_special_tokens=False))
