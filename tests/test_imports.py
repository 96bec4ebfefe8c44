"""The core stays light: a command answers at once, and nothing heavy loads before it is needed."""

import pkgutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ssd_harness

HEAVY = {"torch", "transformers", "vllm", "docker", "lm_eval", "datasets", "trl", "peft", "pandas", "pyarrow"}
# Modules whose purpose is a heavy dependency; whoever imports one has asked for it.
ADAPTERS = ("ssd_harness.models.", "ssd_harness.engines.", "ssd_harness.plugins.", "ssd_harness.demo.train")
# Runs on import: they are commands.
COMMANDS = {"ssd_harness.__main__", "ssd_harness.sandbox.worker.__main__", "ssd_harness.distill.stage"}

CORE = sorted(
    module.name
    for module in pkgutil.walk_packages(ssd_harness.__path__, "ssd_harness.")
    if not module.name.startswith(ADAPTERS) and module.name not in COMMANDS
)


def python(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120)


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


def test_the_hook_imports_nothing_but_itself():
    program = "import sys; print(*sorted(name for name in sys.modules if name.startswith('ssd_harness')))"
    done = python("-c", program)
    assert set(done.stdout.split()) <= {"ssd_harness", "ssd_harness.hook"}


def test_the_hook_costs_little():
    """Less than two milliseconds a start, as Python itself measures it; a wheel costs a tenth of that when idle."""
    best = min(_hook_cost() for _ in range(5))
    if best is None:
        pytest.skip("the start-up hook is not installed in this environment")
    assert best < 10_000


def _hook_cost():
    lines = python("-X", "importtime", "-c", "pass").stderr.splitlines()
    return next((int(line.split("|")[1]) for line in lines if line.endswith(" ssd_harness.hook")), float("inf"))


def test_no_room_is_missing_from_the_layers():
    """Every package and top-level module has its place in the import contract, or imports nothing of ours."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 0, done.stdout
