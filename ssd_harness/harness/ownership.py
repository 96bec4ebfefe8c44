"""Tell our models and tasks from all others, by lm-eval's indexes."""

import fnmatch
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

_PACKAGE = "ssd_harness"


def is_own_model(model: Any) -> bool:
    """Return whether lm-eval's ``model`` argument, a name or an object, is one of our classes."""
    if isinstance(model, str):
        return any(
            entry.name == model and entry.module.split(".")[0] == _PACKAGE
            for entry in entry_points(group="lm_eval.models")
        )
    return type(model).__module__.split(".")[0] == _PACKAGE


def is_own_pattern(pattern: str, index: Mapping[str, Any]) -> bool:
    """Return whether every task that a name, tag, group or wildcard can match is ours."""
    literal = min((pattern.find(sign) for sign in "*?[" if sign in pattern), default=None)
    if literal is not None and not any(
        pattern[:literal].startswith(name)
        for name, entry in index.items()
        if entry.kind.name == "TAG" and is_own_name(name, index)
    ):
        return False  # only a pattern that starts with one of our tags cannot match a built-in task
    matches = fnmatch.filter(index, pattern)
    return bool(matches) and all(is_own_name(name, index) for name in matches)


def is_own_name(name: str, index: Mapping[str, Any]) -> bool:
    """Return whether a task is ours, or a tag or group that has only our tasks."""
    entry = index.get(name)
    if entry is None:
        return False
    members = _members(entry)
    if members is not None:
        return bool(members) and all(isinstance(member, str) and is_own_name(member, index) for member in members)
    return is_own_class((entry.cfg or {}).get("class"))


def is_own_class(value: Any) -> bool:
    """Return whether a task's ``class`` is from this package; an unresolved one is a path that ends in its name."""
    name = value.__module__ if isinstance(value, type) else Path(value).name if isinstance(value, str) else ""
    return name.split(".")[0] == _PACKAGE


def leaves(name: str, index: Mapping[str, Any]) -> list[str]:
    """Expand a tag or a group to the names of its tasks; a name that is not in the index is returned unchanged."""
    members = _members(index[name]) if name in index else None
    if members is None:
        return [name]
    return [leaf for member in members if isinstance(member, str) for leaf in leaves(member, index)]


def flat_tasks(loaded: Mapping[Any, Any]) -> dict[str, Any]:
    """Flatten lm-eval's dictionary of tasks, in its current form {"tasks": …, "groups": …} or the older nested one."""
    if "tasks" in loaded:
        return dict(loaded["tasks"])
    tasks: dict[str, Any] = {}
    for name, value in loaded.items():
        tasks |= flat_tasks(value) if isinstance(value, Mapping) else {str(name): value}
    return tasks


def _members(entry: Any) -> list[Any] | None:
    if entry.kind.name == "TAG":
        return sorted(entry.tags)
    if entry.kind.name == "GROUP":
        members = (entry.cfg or {}).get("task")
        return members if isinstance(members, list) else []
    return None
