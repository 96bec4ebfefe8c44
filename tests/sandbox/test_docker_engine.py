"""Which engine is taken: the docker command's own choice, and one clear line where that one cannot be used."""

import contextlib
import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssd_harness.errors import InfrastructureError
from ssd_harness.plugins.docker import engine, engine_address
from ssd_harness.plugins.docker.sandbox import DockerSandbox
from ssd_harness.sandbox.interface import Runner

ENGINE = "/var/run/docker.sock"


def pump(source, target):
    """Pass on what ``source`` sends, and its end; the other direction may go on."""
    with contextlib.suppress(OSError):
        while piece := source.recv(1 << 16):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class Forwarder:
    """A second way to the engine: what comes in at ``listener`` goes to its socket."""

    def __init__(self, listener, context=None):
        self.listener, self.context, self.connections = listener, context, 0
        listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                with contextlib.suppress(OSError):
                    client = self.context.wrap_socket(client, server_side=True) if self.context else client
                    engine = socket.socket(socket.AF_UNIX)
                    engine.connect(ENGINE)
                    self.connections += 1
                    for ends in ((client, engine), (engine, client)):
                        threading.Thread(target=pump, args=ends, daemon=True).start()


@pytest.fixture
def folder(monkeypatch):
    """A home without any choice, at a short path that other users can reach: a socket's name has at most 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="ssd-engine-"))
    folder.chmod(0o755)
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder / "run"))
    yield folder
    shutil.rmtree(folder)


def add_context(config, name, host, *, active=False, **endpoint):
    """Write a context as the docker command stores it; return its folder of keys."""
    identity = hashlib.sha256(name.encode()).hexdigest()
    meta = config / "contexts" / "meta" / identity / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host, **endpoint}}}))
    if active:
        (config / "config.json").write_text(json.dumps({"auths": {}, "currentContext": name}))
    return config / "contexts" / "tls" / identity / "docker"


@pytest.fixture
def forwarder():
    if not Path(ENGINE).is_socket():
        pytest.skip("the engine listens elsewhere")
    opened = []

    def forward(path, context=None):
        listener = socket.socket(socket.AF_UNIX if isinstance(path, Path) else socket.AF_INET)
        listener.bind(str(path) if isinstance(path, Path) else path)
        opened.append(listener)
        return Forwarder(listener, context)

    yield forward
    for listener in opened:
        listener.close()


@pytest.mark.docker
@pytest.mark.usefixtures("docker_sandbox")
class TestReached:
    """Real programs, on an engine that only a context leads to."""

    def test_the_active_context(self, folder, forwarder, place_of):
        second = forwarder(folder / "second.sock")
        add_context(folder / ".docker", "colima", f"unix://{folder}/second.sock", active=True)
        with DockerSandbox() as sandbox:
            slot = sandbox.open_slot()
            outcomes, _ = place_of(slot)("print(input()[::-1])", [b"abc"], Runner.STDIO)
            assert [outcome.output for outcome in outcomes] == [b"cba\n"]
            slot.close()
            assert sandbox.describe()["engine_chosen_by"] == "context colima"
            seen = second.connections
            assert seen > 0
            # A choice that is made while programs run is for the next run.
            (folder / ".docker" / "config.json").write_text('{"currentContext": "default"}')
            sandbox.open_slot().close()
            assert second.connections > seen

    def test_a_context_with_keys(self, folder, forwarder):
        if not shutil.which("openssl"):
            pytest.skip("needs openssl, to make keys")
        keys = add_context(folder / ".docker", "far", "tcp://127.0.0.1:0", active=True)
        keys.mkdir(parents=True)
        words = (
            "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
        )
        words += " -keyout key.pem -out cert.pem"
        subprocess.run(words.split(), check=True, capture_output=True, cwd=keys)
        shutil.copy(keys / "cert.pem", keys / "ca.pem")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=keys / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(keys / "cert.pem", keys / "key.pem")
        far = forwarder(("127.0.0.1", 0), context)
        port = far.listener.getsockname()[1]
        (meta,) = folder.glob(".docker/contexts/meta/*/meta.json")
        meta.write_text(meta.read_text().replace(":0", f":{port}"))
        with contextlib.closing(DockerSandbox().engine()) as api:
            assert api.version()["ApiVersion"]
        assert far.connections > 0
        for file in keys.iterdir():
            file.unlink()
        with pytest.raises(InfrastructureError, match=rf"tcp://127.0.0.1:{port}; context 'far'"):
            DockerSandbox().engine()

    def test_another_socket_is_named_and_not_used(self, folder, forwarder):
        (folder / "run").mkdir()
        (folder / ".colima" / "default").mkdir(parents=True)
        others = [forwarder(folder / "run" / "docker.sock"), forwarder(folder / ".colima" / "default" / "docker.sock")]
        add_context(folder / ".docker", "gone", f"unix://{folder}/gone.sock", active=True)
        done = subprocess.run(
            [sys.executable, "-m", "ssd_harness", "sandbox", "check", "--sandbox", "docker"],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 3
        (line,) = done.stderr.splitlines()
        assert f"no Docker engine answers: there is no such socket [unix://{folder}/gone.sock; context 'gone'" in line
        assert f"`export DOCKER_HOST=unix://{folder}/run/docker.sock`" in line
        assert f"`export DOCKER_HOST=unix://{folder}/.colima/default/docker.sock`" in line
        assert "`export DOCKER_HOST=unix:///var/run/docker.sock`" in line
        assert [other.connections for other in others] == [0, 0]


def test_the_docker_commands_order(folder, monkeypatch):
    assert engine_address.chosen().url == engine_address.DEFAULT
    add_context(folder / ".docker", "active", "unix:///active.sock", active=True)
    add_context(folder / ".docker", "named", "tcp://named:2375")
    assert engine_address.chosen().url == "unix:///active.sock"
    monkeypatch.setenv("DOCKER_CONTEXT", "named")
    assert engine_address.chosen().url == "tcp://named:2375"
    monkeypatch.setenv("DOCKER_CONTEXT", "default")
    assert engine_address.chosen().url == engine_address.DEFAULT
    monkeypatch.setenv("DOCKER_HOST", "unix:///host.sock")
    assert engine_address.chosen().url == "unix:///host.sock"
    assert engine_address.chosen().options == {"base_url": "unix:///host.sock"}
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.delenv("DOCKER_CONTEXT")
    add_context(folder / "other", "there", "unix:///there.sock", active=True)
    monkeypatch.setenv("DOCKER_CONFIG", str(folder / "other"))
    assert engine_address.chosen().url == "unix:///there.sock"


@pytest.mark.process
def test_the_docker_command_chooses_the_same(folder):
    if not shutil.which("docker"):
        pytest.skip("needs the docker command")
    for words in (["create", "rootless", "--docker", "host=unix:///run/user/1000/docker.sock"], ["use", "rootless"]):
        subprocess.run(["docker", "context", *words], check=True, capture_output=True)
    address = engine_address.chosen()
    assert (address.url, address.chosen_by) == ("unix:///run/user/1000/docker.sock", "context rootless")


# -- a socket that is closed to this user ---


@pytest.fixture
def as_ordinary_user(request):
    """Call a function as a user to whom permission bits say something: nobody where we are root, else ourselves."""
    return request.getfixturevalue("as_nobody") if os.geteuid() == 0 else lambda work: str(work())


@pytest.mark.process
@pytest.mark.parametrize("mode", [0o000, 0o600, 0o660])
def test_permission_denied_is_no_missing_engine(folder, monkeypatch, as_ordinary_user, mode):
    if os.geteuid() != 0 and mode:
        pytest.skip("only root can close a socket to somebody else")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/closed.sock")
        listener.listen()
        (folder / "closed.sock").chmod(mode)
        if os.geteuid() == 0:
            os.chown(folder / "closed.sock", 0, 1)  # as_nobody has the group of root
        monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/closed.sock")

        def error():
            with pytest.raises(InfrastructureError) as caught:
                DockerSandbox().check()
            return caught.value

        said = as_ordinary_user(error)
    assert said.startswith("the Docker engine's socket may not be used by this user: permission denied")
    assert f"[DOCKER_HOST=unix://{folder}/closed.sock]" in said
    assert "dockerd-rootless-setuptool.sh" in said
    assert "--predict_only" in said
    assert ("sudo usermod -aG" in said) == (mode == 0o660)
    assert "no Docker engine" not in said


@pytest.mark.process
def test_a_home_that_is_closed_has_made_no_choice(folder, monkeypatch, as_ordinary_user):
    """Not even whether the file exists can be known there, and it is not this user's own."""
    home = folder / "closed"
    add_context(home / ".docker", "active", "unix:///active.sock", active=True)
    home.chmod(0o000)
    monkeypatch.setenv("HOME", str(home))
    said = as_ordinary_user(lambda: engine_address.chosen().url)
    home.chmod(0o700)
    assert said == engine_address.DEFAULT


# -- files that somebody else wrote ---


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"{", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 5000, "nested deeper"),
        (b'{"currentContext": "\\u001b[2J/../x"}', "cannot be the name"),
        (b'{"currentContext": ["colima"]}', "cannot be the name"),
        (b'{"currentContext": "../../../etc"}', "cannot be the name"),
        (b'{"currentContext": "nothere"}', "no Docker context 'nothere'"),
    ],
)
def test_a_broken_choice_is_never_taken_for_the_default(folder, content, part):
    (folder / ".docker").mkdir()
    (folder / ".docker" / "config.json").write_bytes(content)
    with pytest.raises(InfrastructureError) as caught:
        engine.chosen()
    assert part in str(caught.value)
    assert str(folder / ".docker" / "config.json") in str(caught.value)
    assert "DOCKER_HOST" in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "host", [None, 7, "", "nonsense", "npipe:////./pipe/x", "fd://", "unix:///a\x1b[2J", "unix://" + "x" * 5000]
)
def test_an_address_that_cannot_be(folder, host):
    add_context(folder / ".docker", "odd", host, active=True)
    with pytest.raises(InfrastructureError, match="context 'odd' has no address") as caught:
        engine.chosen()
    assert str(caught.value).isprintable()


def test_a_pipe_in_place_of_a_file_holds_nobody_up(folder):
    keys = add_context(folder / ".docker", "far", "tcp://127.0.0.1:1", active=True)
    keys.mkdir(parents=True)
    os.mkfifo(keys / "ca.pem")
    assert "tls" not in engine.chosen().options
    (folder / ".docker" / "config.json").unlink()
    os.mkfifo(folder / ".docker" / "config.json")
    with pytest.raises(InfrastructureError, match="cannot tell which"):
        engine.chosen()


@pytest.mark.process
@pytest.mark.parametrize("present", [{"cert": "x", "key": "y"}, {"ca": "x"}, {"cert": "x"}])
def test_keys_that_are_none(folder, present):
    keys = add_context(folder / ".docker", "far", "tcp://127.0.0.1:1", active=True)
    keys.mkdir(parents=True)
    for name, text in present.items():
        (keys / f"{name}.pem").write_text(text)
    with pytest.raises(InfrastructureError, match=r"127\.0\.0\.1:1") as caught:
        engine.connect()
    assert str(caught.value).isprintable()


@pytest.mark.process
@pytest.mark.parametrize(
    "content", ["[1]", '{"proxies": 7}', '{"auths": 7}', '{"auths": {"x": 7}}', '{"HttpHeaders": 7}']
)
def test_docker_clients_own_reading_of_its_settings(folder, monkeypatch, content):
    (folder / ".docker").mkdir()
    (folder / ".docker" / "config.json").write_text(content)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/engine.sock")
    with pytest.raises(InfrastructureError, match=r"DOCKER_HOST=unix:///nowhere/engine\.sock"):
        DockerSandbox().check()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(value=JSON, where=st.sampled_from(["config", "meta", "endpoints", "docker"]))
def test_whatever_the_files_hold(value, where):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
            patch.delenv(name, raising=False)
        patch.setenv("DOCKER_CONFIG", folder)
        add_context(Path(folder), "odd", "unix:///x", active=True)
        (meta,) = Path(folder).glob("contexts/meta/*/meta.json")
        content = {"endpoints": {"Endpoints": value}, "docker": {"Endpoints": {"docker": value}}}.get(where, value)
        (Path(folder) / "config.json" if where == "config" else meta).write_text(json.dumps(content))
        chosen = None
        with contextlib.suppress(InfrastructureError):
            chosen = engine.chosen()
        assert chosen is None or (chosen.url == engine_address.DEFAULT and where == "config")
