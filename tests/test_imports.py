"""The core stays light: a command answers at once, and nothing heavy loads before it is needed."""

import os
import pkgutil
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import whole_package

import ssd_harness

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[1]

HEAVY = {"torch", "transformers", "vllm", "docker", "lm_eval", "datasets", "trl", "peft", "pandas", "pyarrow"}
# Modules whose purpose is a heavy dependency; whoever imports one has asked for it.
ADAPTERS = (
    "ssd_harness.harness.models.",
    "ssd_harness.engines.",
    "ssd_harness.plugins.",
    "ssd_harness.harness.task.livecodebench_task",
)
# Runs on import: they are commands.
COMMANDS = {"ssd_harness.__main__", "ssd_harness.sandbox.worker.__main__", "ssd_harness.distill.stage"}

CORE = sorted(
    module.name
    for module in pkgutil.walk_packages(ssd_harness.__path__, "ssd_harness.")
    if not module.name.startswith(ADAPTERS) and module.name not in COMMANDS
)


def python(*arguments, **environment):
    settings = {name: value for name, value in os.environ.items() if name != "SSD_HARNESS_NO_HOOK"} | environment
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, env=settings)


def test_core_imports_nothing_heavy():
    program = f"""
import importlib, sys
for name in {CORE}:
    before = set(sys.modules)
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(name, "does not import:", error)
        continue
    if heavy := {HEAVY} & (set(sys.modules) - before):
        print(name, *sorted(heavy))
"""
    done = python("-c", program)
    assert (done.stdout, done.returncode) == ("", 0), done.stdout + done.stderr


def test_help_answers_in_half_a_second():
    took = []
    for _ in range(3):
        started = time.perf_counter()
        done = python("-m", "ssd_harness", "--help")
        took.append(time.perf_counter() - started)
        assert done.returncode == 0
    bare = time.perf_counter()
    python("-c", "pass")
    bare = time.perf_counter() - bare
    # A busy machine makes every process slow; a bare interpreter start says by how much.
    assert min(took) < max(0.5, 8 * bare)


def test_the_hook_costs_next_to_nothing():
    """It loads itself and our empty package, nothing else: 0.3 ms a start where a wheel is installed."""
    program = "import sys; print(*sys.modules)"
    added = set(python("-c", program).stdout.split()) - set(
        python("-c", program, SSD_HARNESS_NO_HOOK="1").stdout.split()
    )
    # An editable installation goes through a finder of setuptools, which has imports of its own either way.
    assert added == {"ssd_harness", "ssd_harness.startup_hook"}


@pytest.fixture
def package(tmp_path):
    """The package as a wheel holds it, with plugins and tasks inside."""
    whole_package.assemble(tmp_path)
    return tmp_path


def contracts(package):
    """Check the import contracts of a package; return the exit code and what was printed."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=package,
        # The start-up hook would have imported the other ssd_harness by then.
        env={**os.environ, "SSD_HARNESS_NO_HOOK": "1", "PYTHONPATH": str(package)},
    )
    return done.returncode, done.stdout


def test_import_contracts_hold_for_plugins_and_tasks_too(package):
    """Every package and top-level module has its place in the layers; plugins are among what is analysed."""
    code, printed = contracts(package)
    assert code == 0, printed
    files = sum(1 for folder in ("ssd_harness", "plugins", "tasks") for _ in (ROOT / folder).rglob("*.py"))
    analysed = int(re.search(r"Analyzed (\d+) files", printed)[1])
    assert analysed >= files


@pytest.mark.parametrize(
    ("place", "line", "told"),
    [
        ("ssd_harness/judge/verdicts.py", "import docker", "ssd_harness.judge.verdicts -> docker"),
        ("ssd_harness/harness/preflight.py", "def late():\n    from vllm import LLM", "harness.preflight -> vllm"),
        ("ssd_harness/distill/plan.py", "from ssd_harness.plugins import builtin", "distill.plan -> ssd_harness.plug"),
        ("ssd_harness/new_room/__init__.py", "", "ssd_harness.new_room"),
    ],
)
def test_what_the_contracts_forbid_is_found(package, place, line, told):
    file = package / place
    file.parent.mkdir(exist_ok=True)
    with file.open("a") as stream:
        stream.write(f"\n{line}\n")
    code, printed = contracts(package)
    assert code == 1
    assert told in printed
