"""Show lm-eval our models and tasks, as its successor will see them by itself: through entry points."""

import contextlib
import difflib
import fnmatch
import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from ssd_harness.errors import UsageError
from ssd_harness.harness import bridge
from ssd_harness.harness.bridge import ownership, refusals

_asked: ContextVar[tuple[str, ...]] = ContextVar("ssd_asked_tasks", default=())
_remembered: ContextVar[dict[Any, Any] | None] = ContextVar("ssd_remembered_index", default=None)


def register_models(_models: ModuleType) -> None:
    """Add every declared model that lm-eval does not know; executing ``lm_eval.models`` has registered its own."""
    from lm_eval.api.registry import model_registry

    for entry in entry_points(group="lm_eval.models"):
        if entry.name not in model_registry:
            # The string, not the entry point: 0.4.13 compares what is registered with the class, which an entry point
            # does not survive.
            model_registry.register(entry.name, target=entry.value)


@functools.cache
def task_folders() -> tuple[Path, ...]:
    """Return the folders of all packages that declare tasks, ours among them."""
    folders: dict[Path, None] = {}
    for entry in entry_points(group="lm_eval.tasks"):
        try:
            spec = find_spec(entry.module)
            for folder in (spec.submodule_search_locations if spec else None) or ():
                folders[Path(folder)] = None
        except Exception as error:  # noqa: BLE001 - another package's declaration may be broken in any way
            bridge.step_aside(f"no tasks from {entry.value}", error)
    return tuple(folders)


@contextlib.contextmanager
def asking(tasks: Sequence[str]) -> Iterator[None]:
    """Let a task index that is built inside the block know which tasks it is for."""
    token = _asked.set(tuple(tasks))
    try:
        yield
    finally:
        _asked.reset(token)


@contextlib.contextmanager
def remembering() -> Iterator[None]:
    """Read task folders and load tasks once inside the block: an index of all of lm-eval's takes up to 20 seconds."""
    token = _remembered.set({})
    try:
        yield
    finally:
        _remembered.reset(token)


def remember(key: Any, make: Callable[[], Any]) -> Any:
    """Return what ``make`` returns; inside :func:`remembering`, what it returned for the same key."""
    known = _remembered.get()
    if known is None:
        return make()
    if key not in known:
        known[key] = make()
    return known[key]


def note_asked_tasks(config: ModuleType) -> None:
    """Wrap the step of lm-eval's command line that builds the task index."""
    original = config.EvaluatorConfig.process_tasks

    @functools.wraps(original)
    def process_tasks(self: Any, *arguments: Any, **options: Any) -> Any:
        given = [self.tasks] if isinstance(self.tasks, str) else self.tasks or []
        names = [name for item in given for name in str(item).split(",")]
        try:
            with asking(names):
                return original(self, *arguments, **options)
        except ValueError:
            if refusals.concerns_us(sys.argv[1:]):
                require_tasks(names, self.include_path)
            raise

    config.EvaluatorConfig.process_tasks = process_tasks


def extend_task_index(manager: ModuleType) -> None:
    """Wrap the construction of the task index: built-in tasks < declared tasks < ``--include_path``.

    Where all asked tasks are ours, the built-in folder is left out: reading its 14,000 files takes 20 seconds.
    """
    original: Callable[..., dict[str, Any]] = manager.TaskIndex.build
    builtin = Path(manager.__file__ or "").parent

    @functools.wraps(original)
    def build(paths: Any, **options: Any) -> dict[str, Any]:
        given = [Path(path) for path in paths]
        present = {path.resolve() for path in given}
        declared = [folder for folder in task_folders() if folder.resolve() not in present]
        after_builtin = given.index(builtin) + 1 if builtin in given else 0
        ordered = [*given[:after_builtin], *declared, *given[after_builtin:]]
        return remember((tuple(ordered), _asked.get()), lambda: read(ordered, after_builtin, options))

    def read(ordered: list[Path], after_builtin: int, options: dict[str, Any]) -> dict[str, Any]:
        if _asked.get() and after_builtin:
            small = original([path for path in ordered if path != builtin], **options)
            if all(ownership.is_own_pattern(name, small) for name in _asked.get()):
                return small
        return original(ordered, **options)

    manager.TaskIndex.build = staticmethod(build)


def require_tasks(tasks: Sequence[str], include_path: str | None) -> None:
    """Raise :class:`UsageError` for a task that lm-eval does not know: a name, a pattern or a file."""
    from lm_eval.tasks import TaskManager

    with asking(tasks):
        index = TaskManager(include_path=include_path).task_index
    for task in tasks:
        if not Path(task).is_file() and not fnmatch.filter(index, task):
            near = difflib.get_close_matches(task, index, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "`lm_eval ls tasks` lists them"
            raise UsageError(f"--tasks: no task is called {task!r}", next_step=hint)
