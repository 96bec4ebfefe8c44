"""The prompts of a run as one file named by its content, without exact duplicates."""

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
    """A stored prompt set; ``sha256`` hashes ids and messages in order, and tests where the filter asks for them."""

    path: Path
    sha256: str
    count: int
    duplicates: int
    """Prompts left out because another one has the same words."""
    excluded: int = 0
    """Prompts left out because ``exclude_prompts`` names them."""
    overlapping: int = 0
    """Prompts that overlap LiveCodeBench's problems: left out, or kept where ``allow_overlap`` says so."""
    overlaps: tuple[tuple[str, str, float], ...] = ()
    """(prompt, problem that it gives away most, score from 0 to 1) of these."""
    overlap_kept: bool = False
    """Whether they were kept."""
    published: int | None = None
    """Different prompts that a publication counts in this source; None where nothing says so, or not all were read."""
    in_style: int = 0
    """Prompts in the words of the prompt style; the others stand as the source has them."""
    notes: tuple[str, ...] = ()
    """What the source says of what it left out."""

    @property
    def different(self) -> int:
        """Number of different prompts that were read."""
        return self.count + self.excluded + (0 if self.overlap_kept else self.overlapping)

    def sketch(self) -> Path:
        """Return the file that tells which texts the prompts hold; it is made once."""
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
            found = PromptTests(tuple(tests[0]), tuple(tests[1]), tests[2]) if tests else None
            yield Prompt(identity, tuple((role, content) for role, content in messages), found)


def collect(recipe: Recipe, style: PromptTemplate | None = None) -> PromptSet:
    """Return the recipe's prompts, stored; what a remote source gave once is not fetched again.

    ``style`` is the recipe's prompt style with its system message; None reads it.
    Duplicates are those of the paper: equal statements after white space is normalised. Memory stays flat. Raises
    :class:`UsageError` for an unknown source, an unreadable file, two prompts of one id, or no prompt at all. Prompts
    that overlap LiveCodeBench's problems are left out, whatever is evaluated later; if they are more than one in a
    hundred the set is refused, unless ``allow_overlap`` keeps them.
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
        known = json.loads(note.read_text("utf-8"))
        listed = {name: tuple(map(_frozen, known[name])) for name in ("overlaps", "notes")}
        remembered = PromptSet(**{**known, **listed, "path": home() / "prompts" / known["path"]})
    except (OSError, ValueError, TypeError, KeyError):
        remembered = None
    if remembered and remembered.path.exists():
        return remembered
    found = _store(component, argument, recipe, exclude, style)
    storage.write_json(note, {**asdict(found), "path": found.path.name})
    return found


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
    """Store a set by its hash; where this user may not, another one may have stored just this."""
    if _is_ours(path.parent):
        scratch.replace(path)
        return
    scratch.unlink()
    if not path.exists():
        with storage.disk_errors(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path.parent))


def excluded_ids(files: str | None) -> frozenset[str]:
    """Return the ids in ``exclude_prompts``: files that the overlap check has written, or with one id a line.

    Raises :class:`UsageError` for a file that cannot be read.
    """
    ids: set[str] = set()
    for name in files.split("+") if files else ():
        try:
            text = foreign_json.read_bytes(Path(name).expanduser()).decode("utf-8-sig")
        except (OSError, ValueError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            what = f"cannot read ids of prompts to leave out: {reason}"
            raise UsageError(what, where=name, next_step="give exclude_prompts= the path of a file") from error
        try:
            ids.update(map(str, foreign_json.parse(text)["leave_out"]))
        except (ValueError, TypeError, KeyError):
            ids.update(line.strip() for line in text.splitlines() if line.strip())
    return frozenset(ids)


def source_of(prompts: str) -> tuple[str, str]:
    """Split ``prompts=``: a file's suffix names its source, else it is NAME or NAME:ARGUMENT."""
    suffix = Path(prompts).suffix.lower()
    known = plugin_manager.plugin_manager().components(PromptSource)
    name, _, argument = prompts.partition(":")
    if name in known:
        return name, argument
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix], prompts
    raise UsageError(
        f"no prompt source is called {prompts!r}",
        next_step=f"give a .jsonl or .parquet file or one of: {', '.join(sorted(known))}",
    )


def _tests_asked(recipe: Recipe) -> list[str | None]:
    return ["tests", recipe.tests_column] if prompt_tests.wanted(recipe) else []
