"""The prompts of a run, stored as one file that is named by its content."""

import errno
import hashlib
import json
import operator
import os
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ssd_harness import foreign_json, storage
from ssd_harness.errors import UsageError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import PromptSource
from ssd_harness.extensions.contracts import Prompt, PromptTests
from ssd_harness.extensions.plugin_version import version_of
from ssd_harness.home import home
from ssd_harness.progress import ProgressLine
from ssd_harness.prompt_styles import PromptTemplate
from ssd_harness.prompts import prompt_style, prompt_tests
from ssd_harness.prompts.overlap import livecodebench, sketch
from ssd_harness.prompts.selection import Selection
from ssd_harness.recipe.definition import Recipe

_QUIET_S = 2.0
"""Most sources are read in less, and show no progress."""
_SOURCE_FIELDS = (
    "prompts",
    "prompt_limit",
    "prompt_column",
    "prompt_template",
    "starter_column",
    "id_column",
    "prompt_format",
    "system_message",
)
_BY_SUFFIX = {".jsonl": "jsonl", ".parquet": "parquet"}


@dataclass(frozen=True, slots=True)
class PromptSet:
    """A stored prompt set. ``sha256`` covers ids and messages in order, and tests if the filter needs them."""

    path: Path
    sha256: str
    count: int
    duplicates: int
    """Number of prompts dropped because another one has the same text."""
    excluded: int = 0
    """Number of prompts dropped because ``exclude_prompts`` lists them."""
    overlapping: int = 0
    """Number of prompts that overlap LiveCodeBench's problems: dropped, or kept with ``allow_overlap``."""
    overlaps: tuple[tuple[str, str, float], ...] = ()
    """(prompt id, the problem that it overlaps most, score from 0 to 1) of these, up to a maximum number."""
    overlap_kept: bool = False
    """Whether these were kept."""
    published: int | None = None
    """Number of different prompts that a publication reports for this source; None if unknown or not all were read."""
    in_style: int = 0
    """Number of prompts worded in the prompt style; the others are as in the source."""
    notes: tuple[str, ...] = ()
    """The source's notes about content that is in no prompt."""

    @property
    def different(self) -> int:
        """Number of different prompts that were read."""
        return self.count + self.excluded + (0 if self.overlap_kept else self.overlapping)

    def sketch(self) -> Path:
        """Return the file with the sketch of the prompts' texts, for overlap checks; write it if it does not exist."""
        path = self.path.with_name(f"{self.path.stem}.sketch-{sketch.VERSION}.parquet")
        if not path.exists():
            sketch.write(path, ((prompt.id, [content for _, content in prompt.messages]) for prompt in self))
        return path

    def __iter__(self) -> Iterator[Prompt]:
        """Read the prompts one by one."""
        yield from read_prompts(self.path)


def read_prompts(path: Path) -> Iterator[Prompt]:
    """Yield the prompts of a stored set."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            identity, messages, *tests = json.loads(line)
            stored_tests = PromptTests(tuple(tests[0]), tuple(tests[1]), tests[2]) if tests else None
            yield Prompt(identity, tuple((role, content) for role, content in messages), stored_tests)


def collect(recipe: Recipe, style: PromptTemplate | None = None) -> PromptSet:
    """Read and store the prompts of a recipe, in bounded memory. The prompts of a remote source are fetched only once.

    ``style`` is the recipe's prompt style with its system message; None loads it. As in the paper, two prompts are
    duplicates if their statements are equal up to white space. Prompts that overlap LiveCodeBench's problems are
    dropped, whatever is evaluated later; if they are more than 1 % of all, the set is refused unless ``allow_overlap``
    keeps them. Raises :class:`UsageError` for that, for an unknown source, an unreadable file, two prompts with the
    same id, or no prompts at all.
    """
    name, argument = source_of(recipe.prompts or "")
    style = style or prompt_style.of_recipe(recipe)
    exclude = excluded_ids(recipe.exclude_prompts)
    component = plugin_manager.lookup(PromptSource, name)
    if not component.remote:
        return _store(component, argument, recipe, exclude, style)
    identity = [getattr(recipe, field) for field in _SOURCE_FIELDS] + _tests_asked(recipe)
    identity += [version_of(component), livecodebench.VERSION, recipe.allow_overlap]
    identity += ["style", style.sha256] if recipe.prompt_style else []
    words = json.dumps([*identity, sorted(exclude)] if exclude else identity)
    note = home() / "prompts" / f"source-{hashlib.sha256(words.encode()).hexdigest()[:16]}.json"
    try:
        record = json.loads(note.read_text("utf-8"))
        lists = {name: tuple(map(_frozen, record[name])) for name in ("overlaps", "notes")}
        stored = PromptSet(**{**record, **lists, "path": home() / "prompts" / record["path"]})
    except (OSError, ValueError, TypeError, KeyError):
        stored = None
    if stored and stored.path.exists():
        return stored
    fetched = _store(component, argument, recipe, exclude, style)
    storage.write_json(note, {**asdict(fetched), "path": fetched.path.name})
    return fetched


def _store(
    component: PromptSource,
    argument: str,
    recipe: Recipe,
    exclude: Collection[str],
    style: PromptTemplate,
) -> PromptSet:
    source = component.factory(argument, recipe)
    selection = Selection(source, recipe, exclude, style)
    folder, digest = home() / "prompts", hashlib.sha256()
    with storage.disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    scratch = (folder if _is_ours(folder) else Path(tempfile.gettempdir())) / f".{os.getpid()}.jsonl"
    total = operator.length_hint(source) or None
    shown = ProgressLine("ssd-harness: prompts", total, delay=_QUIET_S)
    with storage.atomic_writer(scratch) as stream, shown:
        for prompt in islice(selection, recipe.prompt_limit):
            shown.advance()
            tests = (prompt.tests.inputs, prompt.tests.outputs, prompt.tests.function) if prompt.tests else ()
            line = json.dumps([prompt.id, prompt.messages, *tests], ensure_ascii=True) + "\n"
            digest.update(line.encode())
            stream.write(line)
    try:
        selection.check()
    except UsageError:
        scratch.unlink()
        raise
    path = folder / f"{digest.hexdigest()[:16]}.jsonl"
    _put(scratch, path)
    return PromptSet(
        path,
        digest.hexdigest(),
        count=selection.kept,
        duplicates=selection.duplicates,
        excluded=selection.excluded,
        overlapping=selection.overlapping,
        overlaps=tuple(selection.overlaps),
        overlap_kept=recipe.allow_overlap and selection.overlapping > 0,
        published=None if recipe.prompt_limit else component.published,
        in_style=selection.problems,
        notes=tuple(getattr(source, "notes", ())),
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _is_ours(folder: Path) -> bool:
    return os.access(folder, os.W_OK)


def _put(scratch: Path, path: Path) -> None:
    """Move a set to its place. Without write permission, accept the same set stored by another user."""
    if _is_ours(path.parent):
        scratch.replace(path)
        return
    scratch.unlink()
    if not path.exists():
        with storage.disk_errors(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path.parent))


def excluded_ids(files: str | None) -> frozenset[str]:
    """Return the ids in ``exclude_prompts``: files that the overlap check wrote, or with one id per line.

    Raises :class:`UsageError` for a file that cannot be read.
    """
    ids: set[str] = set()
    for name in files.split("+") if files else ():
        try:
            text = foreign_json.read_bytes(Path(name).expanduser()).decode("utf-8-sig")
        except (OSError, ValueError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            what = f"cannot read the ids of excluded prompts: {reason}"
            raise UsageError(what, where=name, next_step="correct the path in exclude_prompts=") from error
        try:
            ids.update(map(str, foreign_json.parse(text)["leave_out"]))
        except (ValueError, TypeError, KeyError):
            ids.update(line.strip() for line in text.splitlines() if line.strip())
    return frozenset(ids)


def source_of(prompts: str) -> tuple[str, str]:
    """Split ``prompts=`` into source and argument: NAME, NAME:ARGUMENT, or a file whose suffix selects the source."""
    suffix = Path(prompts).suffix.lower()
    sources = plugin_manager.plugin_manager().components(PromptSource)
    name, _, argument = prompts.partition(":")
    if name in sources:
        return name, argument
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix], prompts
    raise UsageError(
        f"no prompt source is called {prompts!r}",
        next_step=f"give a .jsonl or .parquet file or one of: {', '.join(sorted(sources))}",
    )


def _tests_asked(recipe: Recipe) -> list[str | None]:
    return ["tests", recipe.tests_column] if prompt_tests.wanted(recipe) else []
