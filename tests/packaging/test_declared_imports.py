"""Every library that the package imports is declared, so that nothing is there only by another library's grace."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("ssd_harness", "plugins", "tasks")


def imports(path):
    """Yield the top-level names that a module imports anywhere in it, and their lines."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0], node.lineno


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    lists = [project["dependencies"], *(extras[name] for name in ("hf", "qlora", "vllm", "zero3"))]
    return {canonical(re.match(r"[\w.-]+", line).group()) for one in lists for line in one}


def test_every_import_of_the_package_is_declared(declared):
    homes = packages_distributions()
    missing = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for name, line in imports(path):
                if name in sys.stdlib_module_names or name == "ssd_harness":
                    continue
                if not {canonical(home) for home in homes.get(name, [name])} & declared:
                    missing.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert missing == []


def test_every_dependency_is_imported(declared):
    """Extras may name what a library loads by itself; what everybody installs is used."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    homes = packages_distributions()
    used = {name for room in ROOMS for path in (ROOT / room).rglob("*.py") for name, _ in imports(path)}
    found = {canonical(home) for name in used for home in homes.get(name, [name])}
    core = {canonical(re.match(r"[\w.-]+", line).group()) for line in project["dependencies"]}
    assert core - found == set()
