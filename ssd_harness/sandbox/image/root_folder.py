"""Build the root file system of the process sandbox; the Docker image has the same contents."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ssd_harness.errors import InfrastructureError
from ssd_harness.home import home
from ssd_harness.sandbox.image import contents
from ssd_harness.sandbox.image.base import make_base
from ssd_harness.storage import disk_errors, locked

_OURS = Path("opt/ssd")


def root_folder() -> Path:
    """Return the path of the root file system for the installed worker, whether or not it exists."""
    return home() / "sandbox" / f"rootfs-{contents.fingerprint()}"


def build(*, fresh: bool = False, progress: Callable[[str], None] = print) -> Path:
    """Build :func:`root_folder` and return it; needs root. ``fresh`` rebuilds everything."""
    if os.geteuid() != 0:
        raise InfrastructureError(
            "only root can build the root file system", where=root_folder(), next_step="run the same command as root"
        )
    below, target = _packages_folder(), root_folder()
    with disk_errors(target), locked(home() / "sandbox" / "rootfs.lock"):
        if fresh:
            shutil.rmtree(target, ignore_errors=True)
            shutil.rmtree(below, ignore_errors=True)
        if not below.exists():
            with _created_atomically(below) as folder:
                _fill(folder, progress)
        if not target.exists():
            progress(f"building {target}")
            with _created_atomically(target) as folder:
                # Hard links instead of copies: only the worker differs, and these files are never written to.
                shutil.copytree(below, folder, symlinks=True, dirs_exist_ok=True, copy_function=os.link)
                contents.write_worker(folder / _OURS)
                _compile(folder, "/opt/ssd/ssd_harness")
    return target


def prune(*, everything: bool) -> list[Path]:
    """Remove the unused folders of other versions, or with ``everything`` all unused ones; return them."""
    keep = set() if everything else {root_folder(), _packages_folder()}
    removed: list[Path] = []
    with locked(home() / "sandbox" / "rootfs.lock"):
        for pattern in ("rootfs-*", "packages-*", ".rootfs-*", ".packages-*"):
            folders = (folder for folder in (home() / "sandbox").glob(pattern) if folder.is_dir())
            removed += filter(_remove, (folder for folder in folders if folder not in keep))
    return removed


@contextlib.contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Protect ``folder`` from pruning while a program that runs in it may still import from it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> bool:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        shutil.rmtree(folder, ignore_errors=True)
        return True
    finally:
        os.close(descriptor)


def _packages_folder() -> Path:
    return home() / "sandbox" / f"packages-{contents.packages_fingerprint()}"


@contextlib.contextmanager
def _created_atomically(target: Path) -> Iterator[Path]:
    """Yield a folder that becomes ``target`` in one step if the block succeeds and is removed if it fails."""
    folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        yield folder
        folder.chmod(0o755)
        folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _fill(folder: Path, progress: Callable[[str], None]) -> None:
    progress("building the base system with mmdebstrap")
    make_base(folder)
    for name in ("dev", "proc"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()
    progress(f"fetching {', '.join(f'{key} {value}' for key, value in contents.packages().items())}")
    ours = folder / _OURS
    ours.mkdir(parents=True)
    contents.write_packages(ours)
    shutil.copyfile(contents.BYTE_CODE, ours / contents.BYTE_CODE.name)
    _compile(folder)


def _compile(folder: Path, *inside: str) -> None:
    command = ["chroot", str(folder), "/usr/bin/python3", f"/{_OURS}/{contents.BYTE_CODE.name}", *inside]
    finished = subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    if finished.returncode:
        raise InfrastructureError(
            f"the sandbox's interpreter does not run: {finished.stderr.strip()[-300:]}",
            where=folder,
            next_step="run `ssd-harness sandbox build --sandbox process --fresh`",
        )
