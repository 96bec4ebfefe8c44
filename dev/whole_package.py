"""Run a checker over the package as a wheel holds it: plugins/ and tasks/ inside ssd_harness/.

``python dev/whole_package.py lint-imports``: import-linter and mypy look for modules in folders and would otherwise
leave out the two that are mapped into the package when it is built.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACES = {"ssd_harness": "ssd_harness", "plugins": "ssd_harness/plugins", "tasks": "ssd_harness/tasks"}


def assemble(target: Path) -> None:
    """Copy the package and its configuration to ``target``; times of change are kept, for mypy's cache."""
    for folder, place in PLACES.items():
        shutil.copytree(
            ROOT / folder, target / place, ignore=shutil.ignore_patterns("__pycache__", "*.parquet", "*.safetensors")
        )
    shutil.copy2(ROOT / "pyproject.toml", target)


def main(command: list[str]) -> int:
    """Run ``command`` in an assembled copy and return its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        assemble(Path(folder))
        program = Path(sys.executable).with_name(command[0])
        options = ["--cache-dir", str(ROOT / ".mypy_cache" / "whole")] if command[0] == "mypy" else []
        # The start-up hook would have imported the other ssd_harness by the time the checker looks for it.
        environment = {**os.environ, "SSD_HARNESS_NO_HOOK": "1", "PYTHONPATH": folder}
        return subprocess.run([program, *command[1:], *options], cwd=folder, env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
