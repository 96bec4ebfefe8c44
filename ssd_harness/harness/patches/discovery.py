"""Register our models and tasks with lm-eval through their entry points, as its next release does by itself."""

import contextlib
import difflib
import fnmatch
import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from ssd_harness.errors import UsageError
from ssd_harness.harness import ownership, patches, run_context
from ssd_harness.harness.patches import command_errors


def register_models(_models: ModuleType) -> None:
    """Register every declared model that lm-eval does not know; importing ``lm_eval.models`` registers its own."""
    from lm_eval.api.registry import model_registry

    for entry in entry_points(group="lm_eval.models"):
        if entry.name not in model_registry:
            # The string, not the entry point: 0.4.13 compares what is registered with the class, and fails on an entry
            # point.
            model_registry.register(entry.name, target=entry.value)


@functools.cache
def task_folders() -> tuple[Path, ...]:
    """Return the folders of all packages that declare tasks, including ours."""
    folders: dict[Path, None] = {}
    for entry in entry_points(group="lm_eval.tasks"):
        try:
            spec = find_spec(entry.module)
            for folder in (spec.submodule_search_locations if spec else None) or ():
                folders[Path(folder)] = None
        except Exception as error:  # noqa: BLE001 - another package's declaration may be broken in any way
            patches.step_aside(f"no tasks from {entry.value}", error)
    return tuple(folders)


@contextlib.contextmanager
def index_for(tasks: Sequence[str]) -> Iterator[None]:
    """Build task indexes inside the block for these tasks."""
    context = run_context.current()
    before, context.index_tasks = context.index_tasks, tuple(tasks)
    try:
        yield
    finally:
        context.index_tasks = before


def wrap_process_tasks(config: ModuleType) -> None:
    """Wrap the step of lm-eval's command line that builds the task index."""
    original = config.EvaluatorConfig.process_tasks

    @functools.wraps(original)
    def process_tasks(self: Any, *args: Any, **kwargs: Any) -> Any:
        tasks = [self.tasks] if isinstance(self.tasks, str) else self.tasks or []
        names = [name for task in tasks for name in str(task).split(",")]
        try:
            with index_for(names):
                return original(self, *args, **kwargs)
        except ValueError:
            if command_errors.concerns_us(sys.argv[1:]):
                require_tasks(names, self.include_path)
            raise

    config.EvaluatorConfig.process_tasks = process_tasks


def extend_task_index(manager: ModuleType) -> None:
    """Wrap the construction of the task index: declared tasks override built-in ones, the user's override both.

    If all tasks of the index are ours, the built-in folder is left out: reading its 14,000 files takes 20 seconds.
    """
    original: Callable[..., dict[str, Any]] = manager.TaskIndex.build
    builtin = Path(manager.__file__ or "").parent

    @functools.wraps(original)
    def build(paths: Any, **options: Any) -> dict[str, Any]:
        context = run_context.current()
        folders = [Path(path) for path in paths]
        present = {folder.resolve() for folder in folders}
        declared = [folder for folder in task_folders() if folder.resolve() not in present]
        after_builtin = folders.index(builtin) + 1 if builtin in folders else 0
        ordered = [*folders[:after_builtin], *declared, *folders[after_builtin:]]
        index: dict[str, Any] = context.remember(
            (tuple(ordered), context.index_tasks), lambda: read(ordered, context.index_tasks, options)
        )
        return index

    def read(folders: list[Path], tasks: tuple[str, ...], options: dict[str, Any]) -> dict[str, Any]:
        if tasks and builtin in folders:
            small = original([folder for folder in folders if folder != builtin], **options)
            if all(ownership.is_own_pattern(name, small) for name in tasks):
                return small
        return original(folders, **options)

    manager.TaskIndex.build = staticmethod(build)


def require_tasks(tasks: Sequence[str], include_path: str | None) -> None:
    """Raise :class:`UsageError` for a task that lm-eval does not know: a name, a pattern or a file."""
    from lm_eval.tasks import TaskManager

    with index_for(tasks):
        index = TaskManager(include_path=include_path).task_index
    for task in tasks:
        if not Path(task).is_file() and not fnmatch.filter(index, task):
            near = difflib.get_close_matches(task, index, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "`lm_eval ls tasks` lists them"
            raise UsageError(f"--tasks: no task is called {task!r}", next_step=hint)
