"""Look at the machine before any model is built: what a run needs at its end must be there at its start."""

import math
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Sandbox
from ssd_harness.harness import run_context
from ssd_harness.harness.evaluation_request import EvaluationRequest
from ssd_harness.harness.task.evaluation_prompt import check_form, evaluation_prompt
from ssd_harness.home import home
from ssd_harness.livecodebench.store import open_store
from ssd_harness.livecodebench.task_names import selection_of
from ssd_harness.sandbox.interface import ImageMissing
from ssd_harness.scoring.options import evaluation_options
from ssd_harness.storage import locked

TRANSFORM_PACKAGES = ("torch", "transformers", "accelerate", "trl", "peft")


def run(request: EvaluationRequest, *, own_model: bool) -> None:
    """Raise a one-line error for whatever would stop this evaluation later.

    Our model needs the packages of the ``hf`` extra; our tasks need their options right, their data and, unless only
    predictions are asked for, a sandbox. Other tasks need none of it.
    """
    if own_model:
        check_packages()
    if request.output_path:
        check_output(Path(request.output_path))
    if request.own_tasks:
        # Other tasks in the same run may have metadata of their own.
        options = evaluation_options(request.metadata, strict=request.only_own_tasks)
        if options.prompt is not None or not own_model:
            check_form(request, evaluation_prompt(options.prompt))
        if not request.predict_only and run_context.current().checks_machine:
            check_sandbox(options.scoring.sandbox_name)
        for task in request.own_tasks:
            selection = selection_of(task, release=options.release, window=options.window)
            if selection is not None:
                problems = len(open_store(selection).problems)
                ranks = int(os.environ.get("WORLD_SIZE", "1")) if own_model else 1
                check_count(task, request, problems, ranks)


def check_count(task: str, request: EvaluationRequest, problems: int, ranks: int) -> None:
    """Require that ``--limit`` or ``--samples`` leave a problem for each rank: lm-eval fails on a rank without any."""
    chosen = request.samples.get(task)
    if chosen is not None:
        left = len(chosen)
        if outside := [number for number in chosen if not 0 <= number < problems]:
            raise UsageError(
                f"--samples of {task}: there is no problem {outside[0]}", next_step=f"choose from 0 to {problems - 1}"
            )
    else:
        limit = problems if request.limit is None else request.limit
        left = min(problems, math.ceil(problems * limit) if limit < 1 else int(limit))
    if left < ranks:
        what = "--limit or --samples" if left < problems else "the window"
        raise UsageError(
            f"{what} leaves {max(left, 0)} problems of {task} for {ranks} process{'es' if ranks > 1 else ''}",
            next_step="take more problems" + (", or fewer processes" if ranks > 1 else ""),
        )


def check_output(path: Path, option: str = "--output_path") -> None:
    """Require that results can be written below ``path``, which need not exist yet; ``option`` names it."""
    # Of a path that ends in .json lm-eval takes the folder.
    folder = (path.parent if path.suffix == ".json" else path).absolute()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise UsageError(
            f"{option}: cannot write there: {error.strerror}", where=folder, next_step="choose another folder"
        ) from error


def check_packages() -> None:
    """Require what sampling and training import."""
    missing = [name for name in TRANSFORM_PACKAGES if find_spec(name) is None]
    if missing:
        raise UsageError(f"not installed: {', '.join(missing)}", next_step="pip install 'ssd-harness[hf]'")


def check_sandbox(name: str) -> None:
    """Require a sandbox that can open a slot; where only its image is missing, offer to build it."""
    sandbox = plugin_manager.lookup(Sandbox, name).factory()
    try:
        sandbox.check()
    except ImageMissing:
        if not _may_build(name):
            raise
        with locked(home() / "sandbox" / "build.lock"):  # of several ranks, one builds
            try:
                sandbox.check()
            except ImageMissing:
                _build(name)
                sandbox.check()


def _may_build(name: str) -> bool:
    if os.environ.get("SSD_HARNESS_AUTOBUILD") == "1":
        return True
    alone = os.environ.get("WORLD_SIZE", "1") == "1"
    if not (alone and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(
        f"ssd-harness: the {name} sandbox has no image yet. Build it now? [Y/n] ", end="", file=sys.stderr, flush=True
    )
    return sys.stdin.readline().lower() in {"\n", "y\n", "yes\n"}  # the end of input is not a yes


def _build(name: str) -> None:
    """Build in a process of its own: its output goes to stderr, since lm-eval's results own stdout."""
    command = [sys.executable, "-m", "ssd_harness", "sandbox", "build", "--sandbox", name]
    print(f"ssd-harness: building the image of the {name} sandbox", file=sys.stderr)
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        raise InfrastructureError(
            "building the sandbox image failed",
            next_step=f"run `ssd-harness sandbox build --sandbox {name}` to see why",
        )
