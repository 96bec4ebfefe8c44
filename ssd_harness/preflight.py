"""Look at the machine before any model is built: what a run needs at its end must be there at its start."""

import os
import subprocess
import sys
from importlib.util import find_spec

from ssd_harness import plugin_manager
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.evaluation_request import EvaluationRequest
from ssd_harness.sandbox.contracts import ImageMissing

TRANSFORM_PACKAGES = ("torch", "transformers", "accelerate", "trl", "peft")


def run(request: EvaluationRequest, *, own_model: bool) -> None:
    """Raise a one-line error for whatever would stop this evaluation later.

    Our model needs the packages of the ``hf`` extra; our tasks need their data and, unless only predictions are asked
    for, the sandbox. Other tasks need neither.
    """
    if own_model:
        check_packages()
    if request.own_tasks:
        if not request.predict_only:
            check_sandbox(sandbox_name(request))
        check_data(request)


def check_packages() -> None:
    """Require what sampling and training import."""
    missing = [name for name in TRANSFORM_PACKAGES if find_spec(name) is None]
    if missing:
        raise UsageError(f"not installed: {', '.join(missing)}", next_step="pip install 'ssd-harness[hf]'")


def sandbox_name(request: EvaluationRequest | None = None) -> str:
    """Return the sandbox that ``--metadata`` or ``SSD_HARNESS_SANDBOX`` names, Docker otherwise."""
    asked = request.metadata.get("sandbox") if request else None
    return str(asked or os.environ.get("SSD_HARNESS_SANDBOX") or "docker")


def check_sandbox(name: str) -> None:
    """Require a sandbox that can open a slot; where only its image is missing, offer to build it."""
    sandbox = plugin_manager.lookup("ssd_sandboxes", name)()
    try:
        sandbox.check()
    except ImageMissing:
        if not _may_build(name):
            raise
        _build(name)
        sandbox.check()


def check_data(request: EvaluationRequest) -> None:
    """Require the problems that our tasks evaluate on."""


def _may_build(name: str) -> bool:
    if os.environ.get("SSD_HARNESS_AUTOBUILD") == "1":
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(
        f"ssd-harness: the {name} sandbox has no image yet. Build it now? [Y/n] ", end="", file=sys.stderr, flush=True
    )
    return sys.stdin.readline().strip().lower() in {"", "y", "yes"}


def _build(name: str) -> None:
    """Build in a process of its own: its output goes to stderr, since lm-eval's results own stdout."""
    command = [sys.executable, "-m", "ssd_harness", "sandbox", "build", "--sandbox", name]
    print(f"ssd-harness: building the image of the {name} sandbox", file=sys.stderr)
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        raise InfrastructureError(
            "building the sandbox image failed",
            next_step=f"run `ssd-harness sandbox build --sandbox {name}` to see why",
        )
