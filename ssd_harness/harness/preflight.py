"""Check packages, output folder, data and sandbox before any model is built: a run must not fail at its end."""

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
from ssd_harness.harness.task.task_names import selection_of
from ssd_harness.home import home
from ssd_harness.livecodebench.store import open_store
from ssd_harness.sandbox.interface import ImageMissing
from ssd_harness.scoring.options import evaluation_options
from ssd_harness.storage import locked

TRANSFORM_PACKAGES = ("torch", "transformers", "accelerate", "trl", "peft")


def run(request: EvaluationRequest, *, own_model: bool) -> None:
    """Raise now any error that would stop this evaluation later.

    Our models need the packages of the ``hf`` extra. Our tasks need valid options, their data and, unless the run is
    ``--predict_only``, a sandbox. Other models and tasks need none of these.
    """
    if own_model:
        check_packages()
    if request.output_path:
        check_output(Path(request.output_path))
    if request.own_tasks:
        # With third-party tasks in the same run, unknown keys may be theirs.
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
    """Require at least one problem for each rank: lm-eval fails on a rank without any."""
    if outside := [index for index in request.samples.get(task, ()) if not 0 <= index < problems]:
        raise UsageError(
            f"--samples of {task}: there is no problem {outside[0]}", next_step=f"choose from 0 to {problems - 1}"
        )
    selected = len(request.selected(task, problems))
    if selected < ranks:
        what = "--limit or --samples" if selected < problems else "the window"
        raise UsageError(
            f"{what} leaves {selected} problems of {task} for {ranks} process{'es' if ranks > 1 else ''}",
            next_step="take more problems" + (", or fewer processes" if ranks > 1 else ""),
        )


def check_output(path: Path, option: str = "--output_path") -> None:
    """Require that files can be written below ``path``, the value of ``option``; it need not exist yet."""
    # lm-eval writes into the parent of a path that ends in .json.
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
    """Require the packages of sampling and training."""
    missing = [name for name in TRANSFORM_PACKAGES if find_spec(name) is None]
    if missing:
        raise UsageError(f"not installed: {', '.join(missing)}", next_step="pip install 'ssd-harness[hf]'")


def check_sandbox(name: str) -> None:
    """Require a working sandbox; if only its image is missing, offer to build it."""
    sandbox = plugin_manager.lookup(Sandbox, name).factory()
    try:
        sandbox.check()
    except ImageMissing:
        if not _may_build(name):
            raise
        with locked(home() / "sandbox" / "build.lock"):  # only one of several ranks builds
            try:
                sandbox.check()
            except ImageMissing:
                _build(name)
                sandbox.check()


def _may_build(name: str) -> bool:
    if os.environ.get("SSD_HARNESS_AUTOBUILD") == "1":
        return True
    single_process = os.environ.get("WORLD_SIZE", "1") == "1"
    if not (single_process and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(
        f"ssd-harness: the {name} sandbox has no image yet. Build it now? [Y/n] ", end="", file=sys.stderr, flush=True
    )
    return sys.stdin.readline().lower() in {"\n", "y\n", "yes\n"}  # end of input is not a yes


def _build(name: str) -> None:
    """Build in a separate process with its output on stderr: lm-eval prints its results on stdout."""
    command = [sys.executable, "-m", "ssd_harness", "sandbox", "build", "--sandbox", name]
    print(f"ssd-harness: building the image of the {name} sandbox", file=sys.stderr)
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        raise InfrastructureError(
            "building the sandbox image failed",
            next_step=f"run `ssd-harness sandbox build --sandbox {name}` to see why",
        )
