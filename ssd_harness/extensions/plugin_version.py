"""The version of a plugin's component, which decides whether what it made can be reused."""

import functools
import hashlib
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import CodeType
from typing import Any

from ssd_harness.extensions.components import VersionedComponent

_OURS = "ssd_harness"
_MOST_FILES = 2000
"""The most files that are read; of a larger package, only the distribution's version and the factory's file count."""


def version_of(component: VersionedComponent) -> str:
    """Return the component's declared version, or else :func:`source_version` of its factory."""
    return component.version or source_version(component.factory)


def source_version(factory: Callable[..., Any]) -> str:
    """Return the version of a factory's distribution and a hash of its source.

    The source is every Python file of the top-level package that defines the factory, or its single file.
    """
    defined = _definition(factory)
    module = str(getattr(defined, "__module__", "") or "")
    top = module.partition(".")[0]
    return f"{_distribution(top)} source {_source(module, top) or _code(defined) or 'unknown'}".strip()


def _definition(factory: Any) -> Any:
    """Return the function or class behind a partial application, a decorator or a callable object."""
    while True:
        if isinstance(factory, functools.partial):
            factory = factory.func
        elif hasattr(factory, "__wrapped__"):
            factory = factory.__wrapped__
        elif not hasattr(factory, "__qualname__"):
            return type(factory)
        else:
            return factory


def _distribution(top: str) -> str:
    names = sorted(packages_distributions().get(top, ())) if top else []
    return " ".join(f"{name} {version(name)}" for name in names)


def _source(module: str, top: str) -> str | None:
    """Return a hash of the source, None if there is no readable file."""
    own = _file(module)
    package = _file(top)
    files: Iterable[Path] = [own] if own else []
    if package and package.name == "__init__.py" and top != _OURS:
        every = sorted(package.parent.rglob("*.py"))
        files = every if len(every) <= _MOST_FILES else files
    digest, empty = hashlib.sha256(), True
    root = package.parent if package else None
    for file in files:
        try:
            content = file.read_bytes()
        except OSError:
            continue
        name = file.relative_to(root).as_posix() if root and file.is_relative_to(root) else file.name
        digest.update(f"{name} {len(content)}\n".encode() + content)
        empty = False
    return None if empty else digest.hexdigest()[:16]


def _file(module: str) -> Path | None:
    name = getattr(sys.modules.get(module), "__file__", None)
    return Path(name) if name else None


def _code(defined: Any) -> str | None:
    """Return a hash of compiled code, for a factory that was defined in no file."""
    code = getattr(defined, "__code__", None)
    return hashlib.sha256(repr(_parts(code)).encode()).hexdigest()[:16] if code else None


def _parts(code: CodeType) -> tuple[Any, ...]:
    constants = [_parts(constant) if isinstance(constant, CodeType) else constant for constant in code.co_consts]
    return code.co_code, code.co_names, constants
