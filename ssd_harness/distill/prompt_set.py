"""The prompts of a run as one file named by its content, without exact duplicates."""

import errno
import hashlib
import json
import operator
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from ssd_harness import foreign_json, plugin_manager, storage
from ssd_harness.distill import prompt_tests
from ssd_harness.distill.contracts import Prompt, PromptTests
from ssd_harness.distill.progress import LongLoop
from ssd_harness.errors import UsageError
from ssd_harness.home import home
from ssd_harness.overlap import sketch
from ssd_harness.recipe import Recipe

_SOURCE_FIELDS = (
    "prompts",
    "prompt_limit",
    "prompt_column",
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


def collect(recipe: Recipe) -> PromptSet:
    """Return the recipe's prompts, stored; what a remote source gave once is not fetched again.

    Duplicates are those of the paper: equal statements after white space is normalised. Memory stays flat. Raises
    :class:`UsageError` for an unknown source, an unreadable file, two prompts of one id, or no prompt at all.
    """
    name, argument = source_of(recipe.prompts or "")
    exclude = excluded_ids(recipe.exclude_prompts)
    factory = plugin_manager.lookup("ssd_prompt_sources", name)
    if not getattr(factory, "remote", False):
        return _store(factory(argument, recipe), recipe, exclude)
    identity = [getattr(recipe, field) for field in _SOURCE_FIELDS] + _tests_asked(recipe)
    words = json.dumps([*identity, sorted(exclude)] if exclude else identity)
    note = home() / "prompts" / f"source-{hashlib.sha256(words.encode()).hexdigest()[:16]}.json"
    try:
        known = json.loads(note.read_text("utf-8"))
        remembered = PromptSet(**{**known, "path": home() / "prompts" / known["path"]})
    except (OSError, ValueError, TypeError, KeyError):
        remembered = None
    if remembered and remembered.path.exists():
        return remembered
    found = _store(factory(argument, recipe), recipe, exclude)
    storage.write_json(note, {**asdict(found), "path": found.path.name})
    return found


def _store(source: Iterable[Prompt], recipe: Recipe, exclude: Collection[str]) -> PromptSet:
    with_system = recipe.system_message is not None and recipe.prompt_format == "chat"
    system = (("system", recipe.system_message or ""),) if with_system else ()
    folder = home() / "prompts"
    digest, seen, ids, duplicates, excluded = hashlib.sha256(), set(), set(), 0, 0
    with_tests = prompt_tests.wanted(recipe)

    def unique() -> Iterator[Prompt]:
        nonlocal duplicates, excluded
        for prompt in source:
            words = hashlib.blake2b(_normalised(prompt), digest_size=16).digest()
            if words in seen:
                duplicates += 1
                continue
            seen.add(words)
            if prompt.id in exclude:
                excluded += 1
                continue
            if prompt.id in ids:
                raise UsageError(
                    f"two different prompts have the id {prompt.id!a}",
                    where=recipe.prompts,
                    next_step="give id_column= a column that tells them apart",
                )
            ids.add(prompt.id)
            yield Prompt(prompt.id, system + prompt.messages, prompt.tests if with_tests else None)

    with storage.disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    scratch = (folder if _is_ours(folder) else Path(tempfile.gettempdir())) / f".{os.getpid()}.jsonl"
    with storage.atomic_writer(scratch) as stream:
        shown = LongLoop("prompts", operator.length_hint(source) or None)
        for number, prompt in enumerate(islice(unique(), recipe.prompt_limit)):
            shown(number)
            tests = (prompt.tests.inputs, prompt.tests.outputs, prompt.tests.function) if prompt.tests else ()
            line = json.dumps([prompt.id, prompt.messages, *tests], ensure_ascii=True) + "\n"
            digest.update(line.encode())
            stream.write(line)
        shown.finish()
    if not ids:
        scratch.unlink()
        if excluded:
            raise UsageError(f"exclude_prompts leaves none of {excluded:,} prompts", where=recipe.prompts)
        raise UsageError("the prompt source is empty", where=recipe.prompts, next_step="give one with prompts=")
    path = folder / f"{digest.hexdigest()[:16]}.jsonl"
    _put(scratch, path)
    return PromptSet(path, digest.hexdigest(), len(ids), duplicates, excluded)


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
            text = foreign_json.read_bytes(Path(name).expanduser()).decode("utf-8")
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
    known = plugin_manager.factories("ssd_prompt_sources")
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


def _normalised(prompt: Prompt) -> bytes:
    turns = (("", prompt.statement),) if prompt.statement else prompt.messages
    return json.dumps([(role, " ".join(content.split())) for role, content in turns]).encode()
