"""Find the Docker engine in the docker command's own order.

The order is ``DOCKER_HOST``, the context in ``DOCKER_CONTEXT``, the active context of ``config.json``, the default
socket. The files are not trusted: their content is checked before it is used.
"""

import hashlib
import os
import re
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.tls import TLSConfig

from ssd_harness import foreign_json
from ssd_harness.errors import InfrastructureError
from ssd_harness.printable import printable

DEFAULT = "unix:///var/run/docker.sock"
_NO_CONTEXT = "default"
"""The docker command's name for ``DOCKER_HOST`` or the default socket."""
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.+-]{0,254}")
_URL = re.compile(r"(?:unix|tcp|http|https|ssh)://[!-~]{1,1000}")
_LONGEST = 4 << 20
"""Bytes of a configuration file that are read; credentials for many registries take some kilobytes."""
_OR_ELSE = "choose an engine by DOCKER_HOST, or the default socket by `export DOCKER_CONTEXT=default`"


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine listens, what chose it, and how to reach it."""

    url: str
    chosen_by: str
    """``DOCKER_HOST``, ``context NAME`` or ``default socket``."""
    options: dict[str, Any]
    """For docker's client."""
    source: str
    """The variable or file that chose it."""

    def __str__(self) -> str:
        return f"DOCKER_HOST={self.url}" if self.chosen_by == "DOCKER_HOST" else f"{self.url}; {self.source}"

    @property
    def socket(self) -> Path | None:
        """The path of a Unix socket."""
        scheme, _, rest = self.url.partition("://")
        return Path("/", rest) if scheme == "unix" and rest else None


def chosen() -> Address:
    """Return the engine that the docker command would use. Raises :class:`InfrastructureError` for a broken context."""
    if host := os.environ.get("DOCKER_HOST"):
        return Address(host, "DOCKER_HOST", docker.utils.kwargs_from_env(), "DOCKER_HOST")
    folder = Path(os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker"))  # noqa: PTH111 - may not resolve
    name: Any = os.environ.get("DOCKER_CONTEXT")
    source = "DOCKER_CONTEXT"
    if not name:
        source = str(folder / "config.json")
        name = _object(folder / "config.json", missing={}).get("currentContext") or _NO_CONTEXT
    if name == _NO_CONTEXT:
        return Address(DEFAULT, "default socket", docker.utils.kwargs_from_env(), "DOCKER_HOST is not set")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InfrastructureError(
            f"{printable(repr(name), 100)} cannot be the name of a Docker context", where=source, next_step=_OR_ELSE
        )
    return _context(folder / "contexts", name, source)


def _context(folder: Path, name: str, source: str) -> Address:
    """Read a context from the docker command's store."""
    identity = hashlib.sha256(name.encode()).hexdigest()
    meta = folder / "meta" / identity / "meta.json"
    context = _object(meta, missing=None)
    if context is None:
        raise InfrastructureError(
            f"there is no Docker context {name!r}", where=source, next_step=f"see `docker context ls`, or {_OR_ELSE}"
        )
    endpoints = context.get("Endpoints")
    endpoint = endpoints.get("docker") if isinstance(endpoints, dict) else None
    url = endpoint.get("Host") if isinstance(endpoint, dict) else None
    if not isinstance(endpoint, dict) or not isinstance(url, str) or not _URL.fullmatch(url):
        raise InfrastructureError(
            f"the Docker context {name!r} has no address that can be used: {printable(repr(url), 200)}",
            where=meta,
            next_step=_OR_ELSE,
        )
    options: dict[str, Any] = {"base_url": url}
    tls = _tls(folder / "tls" / identity / "docker", skip_verify=endpoint.get("SkipTLSVerify") is True)
    if tls is not None and not url.startswith("unix:"):
        options["tls"] = tls
    return Address(url, f"context {name}", options, f"context {name!r}, chosen by {source}")


def _tls(folder: Path, *, skip_verify: bool) -> TLSConfig | None:
    """Return a context's keys, None if it has none and does not use TLS."""
    # Regular files only: reading a pipe would never end.
    files = {name: str(folder / f"{name}.pem") for name in ("ca", "cert", "key") if (folder / f"{name}.pem").is_file()}
    if not files and not skip_verify:
        return None
    pair = (files["cert"], files["key"]) if {"cert", "key"} <= set(files) else None
    return TLSConfig(client_cert=pair, ca_cert=files.get("ca"), verify=not skip_verify)


def _object(file: Path, missing: Any) -> Any:
    """Return the JSON object in a file, or ``missing`` if the file does not exist."""
    try:
        file.lstat()
    except OSError:
        return missing
    try:
        value = foreign_json.read(file, longest=_LONGEST, text_only=True)
    except OSError as error:
        reason = error.strerror or "cannot be read"
    except foreign_json.JsonError as error:
        reason = str(error)
    else:
        if isinstance(value, dict):
            return value
        reason = "not a JSON object"
    raise InfrastructureError(
        f"cannot tell which Docker engine is chosen: {reason}",
        where=file,
        next_step=_OR_ELSE,
    )


def others(address: Address) -> list[str]:
    """Return shell lines that choose another engine: one with a socket in a usual place that this user may use."""
    home = os.path.expanduser("~")  # noqa: PTH111 - may not resolve
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    usual = [
        "/var/run/docker.sock",
        f"{runtime}/docker.sock",  # rootless
        f"{home}/.colima/default/docker.sock",
        f"{home}/.docker/run/docker.sock",  # Docker Desktop
        f"{home}/.docker/desktop/docker.sock",
        f"{runtime}/podman/podman.sock",
        "/run/podman/podman.sock",
    ]
    own = address.socket and os.path.realpath(address.socket)
    return [
        f"export DOCKER_HOST={shlex.quote(f'unix://{path}')}"
        for path in usual
        if os.path.realpath(path) != own and path.isprintable() and _is_open(path)
    ]


def _is_open(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode) and os.access(path, os.W_OK)  # noqa: PTH116 - Path would change the text
    except OSError:
        return False
