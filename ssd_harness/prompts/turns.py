"""Read the turns of one prompt, in the formats of data sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ssd_harness.errors import UsageError

_ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant", "chatgpt": "assistant", "observation": "tool"}
_KNOWN_ROLES = ("user", "assistant", "system", "developer", "tool")
_FORMS = (("role", "content"), ("from", "value"))
_TEXT_PARTS = ("text", "input_text")


@dataclass(frozen=True, slots=True)
class Turns:
    """The (role, content) turns of a prompt, without final answers."""

    messages: tuple[tuple[str, str], ...]
    answers: int = 0
    """Number of final assistant turns that were removed: the model writes its own answer."""
    unread: tuple[str, ...] = ()
    """Other fields of the turns, which are not used."""
    with_system: bool = False
    """Whether the system message of the row's own column is used."""


def read_turns(value: Any, where: str) -> Turns:
    """Return the turns of a text, or of a list of {role, content} or {from, value}; content may have several parts.

    Raises :class:`UsageError` for anything else, such as parts that are not text.
    """
    system: list[tuple[str, str]] = []
    if isinstance(value, Mapping) and value.keys() == {"system", "turns"}:
        system, value = [("system", value["system"])], value["turns"]
    turns = [{"role": "user", "content": value}] if isinstance(value, str) else value
    messages: list[tuple[str, str]] = []
    unread: set[str] = set()
    for turn in turns if isinstance(turns, list) else ():
        role, content = next(
            (
                (turn[role_key], turn[content_key])
                for role_key, content_key in _FORMS
                if isinstance(turn, Mapping) and {role_key, content_key} <= turn.keys()
            ),
            (None, None),
        )
        content = _joined(content, where) if isinstance(content, list) else content
        if not isinstance(role, str) or not isinstance(content, str):
            messages = []
            break
        messages.append((_ROLES.get(role, role), content))
        form = next(pair for pair in _FORMS if set(pair) <= turn.keys())
        unread |= {f"turn.{str(name)[:60]}" for name in turn.keys() - set(form) if turn[name] not in (None, "", [], {})}
    if not messages:
        raise UsageError("a prompt must be text or a list of {role, content} messages", where=where)
    messages = [*(system if messages[0][0] != "system" else ()), *messages]
    for _, content in messages:
        require_text(content, where)
    answers = 0
    while messages and messages[-1][0] == "assistant":
        messages.pop()
        answers += 1
    if not messages:
        raise UsageError("a prompt must have a turn that is not the assistant's", where=where)
    if unknown := [role for role, _ in messages if role not in _KNOWN_ROLES]:
        what = f"unknown role {unknown[0][:40]!r}"
        raise UsageError(what, where=where, next_step=f"use one of: {', '.join(_KNOWN_ROLES)}")
    if not any(content.strip() for _, content in messages):
        raise UsageError("the prompt is empty", where=where, next_step="remove the row")
    used = bool(system) and messages[0] == system[0]
    return Turns(tuple(messages), answers, tuple(sorted(unread)), used)


def require_text(value: Any, where: str) -> str:
    """Return ``value`` if it is text that can be stored as UTF-8; raise :class:`UsageError` otherwise."""
    if not isinstance(value, str):
        raise UsageError(f"starter code must be text, not {type(value).__name__}", where=where)
    if any(0xD800 <= ord(character) < 0xE000 for character in value):
        raise UsageError("a prompt has an unpaired surrogate, which is not valid text", where=where)
    return value


def _joined(parts: list[Any], where: str) -> str:
    """Return the text of a message that has several parts."""
    texts = []
    for part in parts:
        kind = part.get("type", "text") if isinstance(part, Mapping) else "text"
        text = part.get("text") if isinstance(part, Mapping) else part
        if kind not in _TEXT_PARTS or not isinstance(text, str):
            what = f"a part of a message has the type {str(kind)[:40]!r}; only text is supported"
            raise UsageError(what, where=where, next_step="remove the row, or use prompt_template=")
        texts.append(text)
    return "\n".join(texts)
