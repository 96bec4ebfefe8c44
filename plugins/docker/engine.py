"""Connect to the Docker engine, or explain in one line why that fails and what to do."""

import contextlib
import grp
import os
import pwd
import socket
import stat
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException

from ssd_harness.errors import InfrastructureError
from ssd_harness.plugins.docker import engine_address
from ssd_harness.plugins.docker.engine_address import Address
from ssd_harness.printable import printable

_PATIENCE_S = 120
_PROBE_S = 5
_WITHOUT = "use the weaker sandbox that needs no engine, as root: SSD_HARNESS_SANDBOX=process"
_ELSEWHERE = (
    "judge on another machine: run lm_eval with --predict_only --log_samples here, and `ssd-harness score` on the "
    "samples there"
)


class _Client(docker.APIClient):
    """Docker's client, which trusts the certificate authority of the engine's own keys."""

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Ignore REQUESTS_CA_BUNDLE, which would replace that authority."""
        verify = self.verify if verify is None else verify
        return super().merge_environment_settings(url, proxies, stream, verify, cert)


def connect(address: Address | None = None) -> docker.APIClient:
    """Return a client of the engine at ``address``, by default the one that the docker command would use.

    Raises :class:`InfrastructureError` if no engine answers there.
    """
    address = address or chosen()
    try:
        return _Client(**address.options, version="auto", timeout=_PATIENCE_S)
    except (DockerException, OSError) as error:
        raise _failure(address, error) from error
    except (AttributeError, TypeError, ValueError, KeyError) as error:  # docker's client trusts its files and answers
        raise InfrastructureError(
            f"the Docker client fails: {error}",
            where=address,
            next_step="look at DOCKER_CONFIG or ~/.docker/config.json",
        ) from error


def chosen() -> Address:
    """Return the engine that the docker command would use. Raises :class:`InfrastructureError` without its keys."""
    try:
        return engine_address.chosen()
    except (DockerException, OSError) as error:  # key files that do not exist
        raise InfrastructureError(
            f"the Docker engine's keys cannot be used: {error}",
            where="the Docker context's TLS files, or DOCKER_CERT_PATH",
            next_step="mend them, or choose another engine by DOCKER_HOST",
        ) from error


def _failure(address: Address, error: Exception) -> InfrastructureError:
    """Return the error to show: nobody listens, this user may not use the socket, or something else."""
    instead = [f"choose the engine whose socket is there: `{line}`" for line in engine_address.others(address)]
    if address.socket is None:
        if "paramiko" in str(error):
            steps = ["`pip install paramiko`, or forward the engine's socket by ssh -L and name it in DOCKER_HOST"]
            return _error("an engine behind ssh:// needs paramiko", address, steps)
        reason = printable(error, 300)
    else:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(_PROBE_S)
                probe.connect(str(address.socket))
            reason = printable(error, 300)
        except PermissionError:
            what = "the Docker engine's socket may not be used by this user: permission denied"
            return _error(what, address, [*_admission(address.socket), *instead, _ELSEWHERE])
        except FileNotFoundError:
            reason = "there is no such socket"
        except OSError as probed:
            reason = "nobody listens there" if isinstance(probed, ConnectionRefusedError) else printable(probed, 300)
    start = ["start it"] if address.chosen_by.startswith("context") else []
    if not instead and not start:
        start = ["start one (Debian, as root: `apt-get install docker.io`, then `dockerd &`)"]
    return _error(f"no Docker engine answers: {reason}", address, [*start, *instead, _WITHOUT, _ELSEWHERE])


def _error(what: str, address: Address, steps: list[str]) -> InfrastructureError:
    return InfrastructureError(what, where=address, next_step=", or ".join(steps))


def _admission(path: Path) -> list[str]:
    """Return how this user can get access to an engine whose socket is closed to them."""
    rootless = "run an engine of your own (rootless: `dockerd-rootless-setuptool.sh install`)"
    try:
        status = path.stat()
    except OSError:  # the folder is not readable
        return [rootless]
    if not status.st_mode & stat.S_IWGRP:
        return [f"ask the socket's owner, {_user(status.st_uid)}, to open it to a group", rootless]
    group = _group(status.st_gid)
    join = f"`sudo usermod -aG {group} {_user(os.getuid())}`, then log in again"
    return [f"join its group ({join}; its members can become root)", rootless]


def _user(number: int) -> str:
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(number).pw_name
    return str(number)


def _group(number: int) -> str:
    with contextlib.suppress(KeyError):
        return grp.getgrgid(number).gr_name
    return str(number)
