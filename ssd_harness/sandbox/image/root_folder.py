"""Make the root file system that the process sandbox pivots into; the engine's image has the same contents."""

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
    """Return where the root file system of the installed worker lies, or will lie."""
    return home() / "sandbox" / f"rootfs-{contents.fingerprint()}"


def build(*, fresh: bool = False, progress: Callable[[str], None] = print) -> Path:
    """Make :func:`root_folder` and return it; needs root. ``fresh`` takes nothing that was built before."""
    if os.geteuid() != 0:
        raise InfrastructureError(
            "only root can make a root file system", where=root_folder(), next_step="run the same command as root"
        )
    below, target = _packages_folder(), root_folder()
    with disk_errors(target), locked(home() / "sandbox" / "rootfs.lock"):
        if fresh:
            shutil.rmtree(target, ignore_errors=True)
            shutil.rmtree(below, ignore_errors=True)
        if not below.exists():
            with _appearing(below) as folder:
                _fill(folder, progress)
        if not target.exists():
            progress(f"making {target}")
            with _appearing(target) as folder:
                # Links instead of copies: only the worker differs, and nothing in here is ever written to.
                shutil.copytree(below, folder, symlinks=True, dirs_exist_ok=True, copy_function=os.link)
                contents.write_worker(folder / _OURS)
                _compile(folder, "/opt/ssd/ssd_harness")
    return target


def prune(*, everything: bool) -> list[Path]:
    """Remove what other versions left, or everything, but nothing in use; return what was removed."""
    keep = set() if everything else {root_folder(), _packages_folder()}
    removed: list[Path] = []
    with locked(home() / "sandbox" / "rootfs.lock"):
        for pattern in ("rootfs-*", "packages-*", ".rootfs-*", ".packages-*"):
            left = (folder for folder in (home() / "sandbox").glob(pattern) if folder not in keep and folder.is_dir())
            removed += filter(_remove, left)
    return removed


@contextlib.contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Keep ``folder`` from being pruned: a program that runs in it may still import from it."""
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
def _appearing(target: Path) -> Iterator[Path]:
    """Yield a folder that becomes ``target`` in one step when the block ends well, and vanishes when it does not."""
    folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        yield folder
        folder.chmod(0o755)
        folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _fill(folder: Path, progress: Callable[[str], None]) -> None:
    progress("making the base system with mmdebstrap")
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
