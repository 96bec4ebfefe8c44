"""Provenance of a result: versions, platform, plugins and a hash of this package's source."""

import functools
import hashlib
import importlib.util
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from ssd_harness import __version__

_LIBRARIES = (
    "lm_eval",
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "vllm",
    "datasets",
    "huggingface_hub",
    "numpy",
    "docker",
)
_PLUGIN_GROUP = "ssd_harness"
_SOURCES = {".py", ".txt", ".yaml", ".json", ".jinja"}


def collect() -> dict[str, Any]:
    """Return everything about the software that can affect a result, without importing it."""
    return {
        "ssd_harness": __version__,
        "source": source_hash(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "machine": platform.machine(),
        "libraries": libraries(),
        "plugins": plugins(),
    }


def libraries() -> dict[str, str]:
    """Return the installed versions of the libraries that can affect results."""
    versions = {name: _version(name) for name in _LIBRARIES}
    return {name: version for name, version in versions.items() if version}


def plugins() -> dict[str, str]:
    """Return the versions of the distributions that declare ssd-harness plugins, by name."""
    entries = metadata.entry_points(group=_PLUGIN_GROUP)
    return dict(sorted({entry.dist.name: entry.dist.version for entry in entries if entry.dist}.items()))


@functools.cache
def source_hash(package: str = "ssd_harness") -> str:
    """Hash the names and contents of a package's source files, independent of git."""
    spec = importlib.util.find_spec(package)
    digest = hashlib.sha256()
    for folder in sorted(spec.submodule_search_locations or ()) if spec else ():
        root = Path(folder)
        for file in sorted(file for file in root.rglob("*") if file.suffix in _SOURCES and file.is_file()):
            for part in (file.relative_to(root).as_posix().encode(), file.read_bytes()):
                digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]


def command() -> list[str]:
    """Return the current command line, with the program's name instead of its path."""
    return [Path(sys.argv[0]).name, *sys.argv[1:]]


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
