"""Build the image of Docker slots, on a registry's Python image or without a registry."""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ssd_harness.errors import InfrastructureError
from ssd_harness.home import home
from ssd_harness.sandbox.image import contents
from ssd_harness.sandbox.image.base import make_base
from ssd_harness.storage import locked

REPOSITORY = "ssd-harness-sandbox"
LABEL = "ssd-harness"
_ONLINE_BASE = ("python", "3.11-slim")


def tag() -> str:
    """Return the name of the image for the installed worker; other versions have other names."""
    return f"{REPOSITORY}:{contents.fingerprint()}"


def packages_tag() -> str:
    """Return the name of its base image with interpreter and packages, reused while only the worker changes."""
    return f"{REPOSITORY}-packages:{contents.packages_fingerprint()}"


def build(api: Any, *, fresh: bool = False, progress: Callable[[str], None] = print) -> str:
    """Build the image with the engine of ``api`` (docker.APIClient); return its id. ``fresh`` rebuilds all."""
    with locked(home() / "sandbox" / "image.lock"):
        if fresh or not _exists(api, tag()):
            _build_all(api, progress, fresh=fresh)
    return str(api.inspect_image(tag())["Id"])


def _build_all(api: Any, progress: Callable[[str], None], *, fresh: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="ssd-harness-image-") as name:
        folder = Path(name)
        if fresh or not _exists(api, packages_tag()):
            _build_packages(api, folder, progress)
        context = folder / "worker"
        contents.write_worker(context)
        shutil.copyfile(contents.DOCKERFILE, context / "Dockerfile")
        _build(api, context, tag(), packages_tag(), progress)


def _build_packages(api: Any, folder: Path, progress: Callable[[str], None]) -> None:
    base = _base(api, folder, progress)
    context = folder / "packages"
    context.mkdir()
    progress(f"downloading {', '.join(f'{key} {value}' for key, value in contents.packages().items())}")
    contents.write_packages(context)
    shutil.copyfile(contents.BYTE_CODE, context / "byte_code.py")
    shutil.copyfile(contents.PACKAGES_DOCKERFILE, context / "Dockerfile")
    _build(api, context, packages_tag(), base, progress)


def _build(api: Any, context: Path, name: str, base: str, progress: Callable[[str], None]) -> None:
    progress(f"building {name}")
    # By id: podman would look up a local name in a registry.
    base = api.inspect_image(base)["Id"]
    steps = api.build(
        path=str(context),
        tag=name,
        buildargs={"BASE": base},
        labels={LABEL: "sandbox"},
        rm=True,
        forcerm=True,
        network_mode="none",
        decode=True,
    )
    for step in steps:
        if "error" in step:
            raise InfrastructureError(
                f"the engine cannot build the sandbox's image: {step['error'].strip()}",
                where=name,
                next_step="fix the cause, then run `ssd-harness sandbox build` again",
            )


def _base(api: Any, folder: Path, progress: Callable[[str], None]) -> str:
    """Return a base image: the registry's if it answers, else one that is built here."""
    from docker.errors import DockerException

    online = ":".join(_ONLINE_BASE)
    if _exists(api, online):
        return online
    progress(f"pulling {online}")
    with contextlib.suppress(DockerException):
        api.pull(*_ONLINE_BASE)
    # Checked again, because podman reports a failed pull as a success.
    if _exists(api, online):
        return online
    progress("no registry answers; building the base system with mmdebstrap")
    archive = folder / "base.tar"
    make_base(archive)
    answer = api.import_image_from_file(
        str(archive), repository=f"{REPOSITORY}-base", tag=contents.PYTHON, changes=[f"LABEL {LABEL}=sandbox"]
    )
    archive.unlink()
    # The id, because podman does not accept the tag.
    return str(json.loads(answer.splitlines()[-1])["status"])


def _exists(api: Any, name: str) -> bool:
    from docker.errors import ImageNotFound

    try:
        api.inspect_image(name)
    except ImageNotFound:
        return False
    return True
