"""A prompt template: a text for problems on standard input, one for starter code, and maybe a system message.

Templates hold ``{{question_content}}`` and ``{{starter_code}}`` (and may hold ``{{question_title}}``); each is replaced
once, so that braces inside a problem's statement stay what they are.
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
"""As many bytes as one text of a prompt style may have."""
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
    """One problem's prompt, before any chat template."""

    user: str
    """The user's turn, or the whole text where ``chat`` is false."""
    system: str | None
    chat: bool
    """Whether a chat template belongs around it; false for the raw completion form."""
    sha256: str
    """Hash of the template it came from."""

    @property
    def messages(self) -> list[dict[str, str]]:
        """Return the chat turns, the system message first if there is one."""
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
    """Whether a problem's fields are filled in as they are, newlines at their ends included: a user's own text."""

    @property
    def sha256(self) -> str:
        """Hash all texts and the form, not the name: two names with the same texts are the same prompt."""
        parts = [self.stdin, self.functional, self.system, self.chat, *(["exact"] if self.exact else [])]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def shown(self) -> str:
        """Return the name for people, without the folders of this machine, and the hash's start."""
        name = f"{_FILE}{Path(self.name.removeprefix(_FILE)).name}" if self.name.startswith(_FILE) else self.name
        return f"{name} ({self.sha256[:12]})"

    @property
    def opens_block(self) -> bool:
        """Whether the text ends inside a code block, which the completion goes on with."""
        return not self.chat and _opens_block(self.stdin)

    def record(self) -> dict[str, Any]:
        """Return all of it as JSON values, for a manifest: the folder that it came from may change or be gone."""
        return {**asdict(self), "sha256": self.sha256}

    def render(self, row: Mapping[str, Any]) -> RenderedPrompt:
        """Fill in one problem; a non-empty ``starter_code`` makes it a functional one."""
        text = self.functional if row.get("starter_code") else self.stdin
        ends = "" if self.exact else "\n"
        filled = _PLACEHOLDER.sub(lambda match: str(row.get(match[1], "")).strip(ends), text)
        return RenderedPrompt(user=filled, system=self.system, chat=self.chat, sha256=self.sha256)


def names() -> list[str]:
    """Return the names of the built-in prompts."""
    return sorted(_BUILTIN)


def is_name(name: str) -> bool:
    """Return whether :func:`load` can know ``name``; what ``file:PATH`` holds is not looked at."""
    return name in _BUILTIN or (name.startswith(_FILE) and name != _FILE)


def load(name: str) -> PromptTemplate:
    """Load a built-in prompt by name, or ``file:PATH``: the user's exact text.

    PATH is one file, used for both kinds of problem, or a folder with ``stdin.txt``, ``functional.txt`` and maybe
    ``system.txt``. A text that ends inside a block opened by ```` ```python ```` is a raw completion, any other the
    user's turn of a chat. Raises :class:`UsageError` for an unknown name, an unreadable file or an unknown placeholder.
    """
    if not is_name(name):
        raise UsageError(f"no prompt is called {name!r}", next_step=f"choose one of: {', '.join(names())}, file:PATH")
    if name.startswith(_FILE):
        return _from_path(name, Path(name.removeprefix(_FILE)))
    return _builtin(name)


def from_record(record: Mapping[str, Any], where: object) -> PromptTemplate:
    """Return the prompt that :meth:`PromptTemplate.record` gave; raises :class:`UsageError` for texts of no use."""
    stdin, functional = (_checked(str(record.get(part) or ""), where) for part in ("stdin", "functional"))
    system, chat, exact = record.get("system"), record.get("chat", True), record.get("exact", False)
    name = str(record.get("name") or DEFAULT)
    return PromptTemplate(name, stdin, functional, None if system is None else str(system), bool(chat), bool(exact))


@functools.cache
def _builtin(name: str) -> PromptTemplate:
    stdin, functional, system, chat = _BUILTIN[name]
    folder = resources.files("ssd_harness.prompt_styles")
    # One final newline ends the file; a completion must keep it, a chat turn must not.
    ending = "\n" if not chat else ""
    read = {
        file: (folder / file).read_text(encoding="utf-8").rstrip("\n") for file in (stdin, functional, system) if file
    }
    return PromptTemplate(name, read[stdin] + ending, read[functional] + ending, read.get(system or ""), chat)


def _from_path(name: str, path: Path) -> PromptTemplate:
    try:
        path = path.expanduser()
        is_folder = path.is_dir()
    except (RuntimeError, OSError) as error:  # no such user's home, too long a name
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise UsageError(f"cannot read the prompt: {reason}", where=path) from error
    if not is_folder:
        text = _read(path)
        return PromptTemplate(name, text, text, chat=not _opens_block(text), exact=True)
    stdin, functional, system = (path / f"{part}.txt" for part in ("stdin", "functional", "system"))
    texts = _read(stdin), _read(functional)
    opens = {_opens_block(text) for text in texts}
    if len(opens) > 1:
        raise UsageError(
            "one of stdin.txt and functional.txt ends inside a block of code and the other does not",
            where=path,
            next_step="end both with ```python (a raw completion) or neither (a chat turn)",
        )
    message = _read(system, needs_question=False) if os.path.lexists(system) else None
    completion = opens.pop()
    if completion and message is not None:
        raise UsageError(
            "a raw completion has no system message",
            where=system,
            next_step="write it into stdin.txt and functional.txt, and remove this file",
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
        folder = "give a text file, or a folder with stdin.txt, functional.txt and, if you like, system.txt"
        raise UsageError(f"cannot read the prompt: {reason}", where=path, next_step=folder) from error
    # As text files are read everywhere: one kind of new line.
    return _checked(text.replace("\r\n", "\n").replace("\r", "\n"), path, needs_question=needs_question)


def _checked(text: str, path: object, *, needs_question: bool = True) -> str:
    used = set(_PLACEHOLDER.findall(text))
    if unknown := used - _FIELDS:
        known = ", ".join(f"{{{{{field}}}}}" for field in sorted(_FIELDS))
        raise UsageError(
            f"unknown placeholder {{{{{min(unknown)}}}}} in a prompt", where=path, next_step=f"use {known}"
        )
    if needs_question and "question_content" not in used:
        raise UsageError(
            "this prompt never shows the problem", where=path, next_step="write {{question_content}} into it"
        )
    return text
