"""A prompt style: a template for problems on standard input, one for starter code, and an optional system message.

Templates contain ``{{question_content}}`` and may contain ``{{starter_code}}`` and ``{{question_title}}``. Each is
replaced once, so that braces in a problem's statement are not replaced.
"""

import functools
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from ssd_harness import foreign_json
from ssd_harness.errors import UsageError

_LONGEST = 1 << 20
"""Maximum size of one text of a prompt style, in bytes."""
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_FIELDS = {"question_content", "starter_code", "question_title"}
_FILE = "file:"
DEFAULT = "ssd/chat"

# name → (text for standard input, text for starter code, system message, whether it is a chat turn)
_BUILTIN: Mapping[str, tuple[str, str, str | None, bool]] = {
    "ssd/chat": ("stdin.txt", "functional.txt", None, True),
    "ssd/chat-system": ("stdin.txt", "functional.txt", "system.txt", True),
    "ssd/completion": ("completion_stdin.txt", "completion_functional.txt", None, False),
}


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """The prompt of one problem, before a chat template is applied."""

    user: str
    """The user turn, or the whole text if ``chat`` is false."""
    system: str | None
    chat: bool
    """Whether to apply a chat template; false for a raw completion."""
    sha256: str
    """Hash of the prompt style."""

    @property
    def messages(self) -> list[dict[str, str]]:
        """Return the chat turns, starting with the system message if there is one."""
        turns = [{"role": "user", "content": self.user}]
        return [{"role": "system", "content": self.system}, *turns] if self.system is not None else turns


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """The texts of one prompt style."""

    name: str
    stdin: str
    functional: str
    system: str | None = None
    chat: bool = True
    exact: bool = False
    """Whether newlines at the ends of a problem's fields are kept, as for a user's own files."""

    @property
    def sha256(self) -> str:
        """Hash of the texts and the form, without the name: two names with equal texts are the same style."""
        parts = [self.stdin, self.functional, self.system, self.chat, *(["exact"] if self.exact else [])]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def shown(self) -> str:
        """Return the name to show, without folders of this machine, and the start of the hash."""
        name = f"{_FILE}{Path(self.name.removeprefix(_FILE)).name}" if self.name.startswith(_FILE) else self.name
        return f"{name} ({self.sha256[:12]})"

    @property
    def opens_block(self) -> bool:
        """Whether the text ends inside a code block, which the completion continues."""
        return not self.chat and _opens_block(self.stdin)

    def record(self) -> dict[str, Any]:
        """Return the style as JSON values for a manifest, since its folder may change or disappear."""
        return {**asdict(self), "sha256": self.sha256}

    def render(self, row: Mapping[str, Any]) -> RenderedPrompt:
        """Render one problem; use the ``functional`` template if it has ``starter_code``."""
        text = self.functional if row.get("starter_code") else self.stdin
        ends = "" if self.exact else "\n"
        filled = _PLACEHOLDER.sub(lambda match: str(row.get(match[1], "")).strip(ends), text)
        return RenderedPrompt(user=filled, system=self.system, chat=self.chat, sha256=self.sha256)


def names() -> list[str]:
    """Return the names of the built-in styles."""
    return sorted(_BUILTIN)


def is_name(name: str) -> bool:
    """Whether ``name`` has the form of a style's name; does not read ``file:PATH``."""
    return name in _BUILTIN or (name.startswith(_FILE) and name != _FILE)


def load(name: str) -> PromptTemplate:
    """Load a built-in style by name, or the user's own texts with ``file:PATH``.

    PATH is one file, used for both kinds of problem, or a folder with ``stdin.txt``, ``functional.txt`` and optionally
    ``system.txt``. A text that ends inside a block opened by ```` ```python ```` is a raw completion; any other text is
    the user turn of a chat. Raises :class:`UsageError` for an unknown name, an unreadable file or an unknown
    placeholder.
    """
    if not is_name(name):
        raise UsageError(
            f"no prompt style is called {name!r}", next_step=f"choose one of: {', '.join(names())}, file:PATH"
        )
    if name.startswith(_FILE):
        return _from_path(name, Path(name.removeprefix(_FILE)))
    return _builtin(name)


def from_record(record: Mapping[str, Any], where: object) -> PromptTemplate:
    """Return the style that :meth:`PromptTemplate.record` described. Raises :class:`UsageError` for unusable texts."""
    stdin, functional = (_checked(str(record.get(part) or ""), where) for part in ("stdin", "functional"))
    system, chat, exact = record.get("system"), record.get("chat", True), record.get("exact", False)
    name = str(record.get("name") or DEFAULT)
    return PromptTemplate(name, stdin, functional, None if system is None else str(system), bool(chat), bool(exact))


@functools.cache
def _builtin(name: str) -> PromptTemplate:
    stdin, functional, system, chat = _BUILTIN[name]
    folder = resources.files("ssd_harness.prompt_styles")
    # Files end with a newline, which a completion keeps and a chat turn drops.
    ending = "\n" if not chat else ""
    read = {
        file: (folder / file).read_text(encoding="utf-8").rstrip("\n") for file in (stdin, functional, system) if file
    }
    return PromptTemplate(name, read[stdin] + ending, read[functional] + ending, read.get(system or ""), chat)


def _from_path(name: str, path: Path) -> PromptTemplate:
    try:
        path = path.expanduser()
        is_folder = path.is_dir()
    except (RuntimeError, OSError) as error:  # the home of an unknown user, or too long a name
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise UsageError(f"cannot read the prompt style: {reason}", where=path) from error
    if not is_folder:
        text = _read(path)
        return PromptTemplate(name, text, text, chat=not _opens_block(text), exact=True)
    stdin, functional, system = (path / f"{part}.txt" for part in ("stdin", "functional", "system"))
    texts = _read(stdin), _read(functional)
    opens = {_opens_block(text) for text in texts}
    if len(opens) > 1:
        raise UsageError(
            "only one of stdin.txt and functional.txt ends inside a code block",
            where=path,
            next_step="end both with ```python (raw completion), or neither (chat turn)",
        )
    message = _read(system, needs_question=False) if os.path.lexists(system) else None
    completion = opens.pop()
    if completion and message is not None:
        raise UsageError(
            "a raw completion cannot have a system message",
            where=system,
            next_step="move its text into stdin.txt and functional.txt, and delete this file",
        )
    return PromptTemplate(name, *texts, message, chat=not completion, exact=True)


def _opens_block(text: str) -> bool:
    return text.rstrip().endswith("```python")


def _read(path: Path, *, needs_question: bool = True) -> str:
    try:
        text = foreign_json.read_bytes(path, longest=_LONGEST).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        coding = isinstance(error, UnicodeDecodeError)
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8" if coding else str(error)
        next_step = "give a text file, or a folder with stdin.txt, functional.txt and, optionally, system.txt"
        raise UsageError(f"cannot read the prompt style: {reason}", where=path, next_step=next_step) from error
    # Universal newlines.
    return _checked(text.replace("\r\n", "\n").replace("\r", "\n"), path, needs_question=needs_question)


def _checked(text: str, path: object, *, needs_question: bool = True) -> str:
    used = set(_PLACEHOLDER.findall(text))
    if unknown := used - _FIELDS:
        allowed = ", ".join(f"{{{{{field}}}}}" for field in sorted(_FIELDS))
        raise UsageError(
            f"unknown placeholder {{{{{min(unknown)}}}}} in a prompt style", where=path, next_step=f"use {allowed}"
        )
    if needs_question and "question_content" not in used:
        raise UsageError(
            "the prompt style does not contain the problem", where=path, next_step="add {{question_content}}"
        )
    return text
