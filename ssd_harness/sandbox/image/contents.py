"""The contents of the sandbox's root file system, and the fingerprint that names it."""

import functools
import hashlib
import platform
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from ssd_harness.errors import InfrastructureError

PYTHON = "3.11"
_WORKER = Path(str(files("ssd_harness.sandbox"))) / "worker"
_IMAGE = Path(str(files("ssd_harness.sandbox.image")))
_START_HOOK = _WORKER / "start_hook.py"
PACKAGES = _IMAGE / "packages.txt"
DOCKERFILE, PACKAGES_DOCKERFILE, BYTE_CODE = (
    _IMAGE / name for name in ("Dockerfile", "Dockerfile.packages", "byte_code.py")
)


def worker_sources() -> list[Path]:
    """Return the worker's files in a fixed order."""
    return sorted(_WORKER.rglob("*.py"))


@functools.cache
def fingerprint() -> str:
    """Return 16 hexadecimal digits that change with the worker, the package list or the Dockerfile."""
    return _hash([*worker_sources(), DOCKERFILE, PACKAGES, PACKAGES_DOCKERFILE, BYTE_CODE])


@functools.cache
def packages_fingerprint() -> str:
    """Return the fingerprint of interpreter and packages, without the worker."""
    return _hash([PACKAGES, PACKAGES_DOCKERFILE, BYTE_CODE])


def _hash(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        data = path.read_bytes()
        digest.update(f"{path.name}:{len(data)}:".encode() + data)
    return digest.hexdigest()[:16]


def packages() -> dict[str, str]:
    """Return the pinned versions by package name."""
    lines = PACKAGES.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    return dict(line.split()[0].split("==") for line in lines if line and not line.startswith("#"))


def write_worker(folder: Path) -> None:
    """Copy the worker into ``folder`` under its package name, and the hook that starts its zygote."""
    target = folder / "ssd_harness" / "sandbox" / "worker"
    for source in worker_sources():
        copy = target / source.relative_to(_WORKER)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    shutil.copyfile(_START_HOOK, folder / "sitecustomize.py")


def write_packages(folder: Path) -> None:
    """Download the pinned packages for the sandbox's interpreter (not ours) into ``folder/packages``."""
    machine = platform.machine()
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
        "--no-deps",
    ]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}"]
    command += [f"--platform=manylinux2014_{machine}", f"--platform=manylinux_2_28_{machine}"]
    # Hashes are required even from an index or a cache in the user's pip configuration.
    command += ["--require-hashes", "--target", str(folder / "packages"), "--requirement", str(PACKAGES)]
    finished = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=False, stdin=subprocess.DEVNULL
    )
    if finished.returncode:
        reason = (finished.stderr.strip() or finished.stdout.strip() or "no message").splitlines()[-1]
        raise InfrastructureError(
            f"cannot download the sandbox's packages: {reason}",
            where=PACKAGES,
            next_step="configure an index that pip can reach and run `ssd-harness sandbox build` again",
        )
    shutil.rmtree(folder / "packages" / "bin", ignore_errors=True)
