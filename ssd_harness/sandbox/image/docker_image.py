"""Build the image that Docker slots run, from a registry's Python or without one."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ssd_harness.errors import InfrastructureError
from ssd_harness.sandbox.image import contents
from ssd_harness.sandbox.image.base import make_base

REPOSITORY = "ssd-harness-sandbox"
LABEL = "ssd-harness"
FINGERPRINT_LABEL = "ssd-harness.fingerprint"
_ONLINE_BASE = ("python", "3.11-slim")
_BASE_REPOSITORY = "ssd-harness-sandbox-base"


def tag() -> str:
    """Return the name of the image that belongs to the installed worker; an older image has another one."""
    return f"{REPOSITORY}:{contents.fingerprint()}"


def build(api: Any, progress: Callable[[str], None] = print) -> str:
    """Build the image with the engine behind ``api`` (docker.APIClient) and return its id."""
    with tempfile.TemporaryDirectory(prefix="ssd-harness-image-") as name:
        folder = Path(name)
        context = folder / "context"
        context.mkdir()
        base = _base(api, folder, progress)
        progress(f"fetching {', '.join(f'{key} {value}' for key, value in contents.packages().items())}")
        contents.write_packages(context)
        contents.write_worker(context)
        shutil.copyfile(contents.DOCKERFILE, context / "Dockerfile")
        progress(f"building {tag()}")
        steps = api.build(
            path=str(context),
            tag=tag(),
            buildargs={"BASE": base},
            labels={LABEL: "sandbox", FINGERPRINT_LABEL: contents.fingerprint()},
            rm=True,
            forcerm=True,
            network_mode="none",
            decode=True,
        )
        for step in steps:
            if "error" in step:
                raise InfrastructureError(
                    f"the engine cannot build the sandbox's image: {step['error'].strip()}",
                    where=tag(),
                    next_step="see the engine's own message, then run `ssd-harness sandbox build` again",
                )
    return str(api.inspect_image(tag())["Id"])


def _base(api: Any, folder: Path, progress: Callable[[str], None]) -> str:
    """Return a base image: the registry's if one answers, else one made here."""
    from docker.errors import DockerException, ImageNotFound

    online = ":".join(_ONLINE_BASE)
    try:
        api.inspect_image(online)
    except ImageNotFound:
        progress(f"asking for {online}")
        try:
            api.pull(*_ONLINE_BASE)
        except DockerException:
            pass
        else:
            return online
    else:
        return online
    progress("no registry answers; making the base system with mmdebstrap")
    archive = folder / "base.tar"
    make_base(archive)
    api.import_image_from_file(str(archive), repository=_BASE_REPOSITORY, tag=contents.PYTHON)
    archive.unlink()
    return f"{_BASE_REPOSITORY}:{contents.PYTHON}"
