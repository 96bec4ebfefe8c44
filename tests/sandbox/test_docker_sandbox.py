import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.plugins.docker import image as docker_image
from ssd_harness.plugins.docker.sandbox import DockerSandbox
from ssd_harness.sandbox.interface import ImageMissing, Runner, SlotLost

pytestmark = pytest.mark.docker

HARNESS = """
import time
from ssd_harness.plugins.docker.sandbox import DockerSandbox
slot = DockerSandbox().open_slot()
print(slot._stream.id, flush=True)
time.sleep(600)
"""


@pytest.fixture
def engine(docker_sandbox):
    api = docker_sandbox.engine()
    yield api
    api.close()


@pytest.fixture
def slot(docker_sandbox):
    slot = docker_sandbox.open_slot()
    yield slot
    slot.close()


def alive(engine, identifier):
    return any(container["Id"] == identifier for container in engine.containers(all=True))


def wait_until_gone(engine, identifier, seconds=20):
    end = time.monotonic() + seconds
    while alive(engine, identifier) and time.monotonic() < end:
        time.sleep(0.1)
    return not alive(engine, identifier)


def test_a_killed_container_is_a_lost_slot_at_once(slot, engine, place_of):
    place_of(slot).submit("import time\ntime.sleep(60)", wall_s=60.0)
    time.sleep(0.3)
    engine.kill(slot._stream.id)
    began = time.monotonic()
    with pytest.raises(SlotLost, match="container"):
        slot.receive()
    assert time.monotonic() - began < 2


def test_sending_to_a_killed_container_is_a_lost_slot(slot, engine):
    engine.kill(slot._stream.id)
    assert wait_until_gone(engine, slot._stream.id)
    began = time.monotonic()
    with pytest.raises(SlotLost):
        slot.load(1, [b"x" * 1_000_000] * 100)
    assert time.monotonic() - began < 5


def test_a_container_killed_while_it_takes_input_is_a_lost_slot_at_once(slot, engine):
    engine.pause(slot._stream.id)  # so that sending blocks
    killer = threading.Timer(1.0, engine.kill, [slot._stream.id])
    killer.start()
    began = time.monotonic()
    with pytest.raises(SlotLost, match="container"):
        slot.load(1, [b"x" * 1_000_000] * 100)
    killer.join()
    assert time.monotonic() - began < 10


def test_a_killed_broker_is_a_lost_slot_with_its_last_words(slot, place_of):
    """Nonsense on the protocol is what a fault of ours would look like: the worker says so and gives up."""
    slot._stream.send(b"\xff" * 64, 5)
    with pytest.raises(SlotLost, match="ProtocolError"):
        slot.receive()


def test_closing_removes_the_container(docker_sandbox, engine):
    slot = docker_sandbox.open_slot()
    assert alive(engine, slot._stream.id)
    slot.close()
    assert wait_until_gone(engine, slot._stream.id)


def test_leaving_the_sandbox_closes_its_slots(docker_sandbox, engine):
    with DockerSandbox() as sandbox:
        slot = sandbox.open_slot()
    assert wait_until_gone(engine, slot._stream.id)


def test_a_killed_harness_leaves_no_container(docker_sandbox, engine):
    harness = subprocess.Popen([sys.executable, "-c", HARNESS], stdout=subprocess.PIPE, text=True)
    identifier = harness.stdout.readline().strip()
    assert alive(engine, identifier)
    harness.send_signal(signal.SIGKILL)
    harness.wait()
    assert wait_until_gone(engine, identifier)


def test_the_container_holds_nothing_of_the_host(slot, engine, docker_sandbox):
    known = engine.inspect_container(slot._stream.id)
    host = known["HostConfig"]
    assert known["Image"] == docker_sandbox.describe()["image"]
    assert known["Mounts"] == []
    assert host["NetworkMode"] == "none"
    assert host["IpcMode"] == "none"
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert sorted(host["CapAdd"]) == ["SETGID", "SETUID"]
    assert "no-new-privileges" in host["SecurityOpt"]
    assert host["Memory"] == host["MemorySwap"] == docker_sandbox.memory
    assert not host["Privileged"]
    assert known["Config"]["Labels"][docker_image.LABEL] == "slot"


def test_no_secret_of_the_environment_gets_in(docker_sandbox, place_of, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret-of-the-host")
    slot = docker_sandbox.open_slot()
    try:
        outcomes, _ = place_of(slot)("import os\nprint(dict(os.environ))")
        outcome = outcomes[0]
        assert b"secret-of-the-host" not in outcome.output
        assert b"secret-of-the-host" not in outcome.message.encode()
    finally:
        slot.close()


def test_no_engine_is_one_line_that_says_what_to_do(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/engine.sock")
    with pytest.raises(
        InfrastructureError,
        match=r"no Docker engine answers: .* \[DOCKER_HOST=unix:///nonexistent/engine.sock\].*process",
    ):
        DockerSandbox().check()


def test_another_version_of_the_worker_needs_another_image(docker_sandbox, monkeypatch):
    monkeypatch.setattr(docker_image, "tag", lambda: f"{docker_image.REPOSITORY}:0000")
    with pytest.raises(ImageMissing, match="ssd-harness sandbox build"):
        DockerSandbox().check()


def test_an_unknown_runtime_is_refused_before_anything_runs(docker_sandbox):
    with pytest.raises(UsageError, match="no runtime 'nonsense'"):
        DockerSandbox(runtime="nonsense").check()


def test_results_say_where_programs_ran(docker_sandbox):
    known = docker_sandbox.describe()
    assert known["sandbox"] == "docker"
    assert known["image"].startswith("sha256:")
    assert known["packages"]["numpy"] == "2.2.5"
    assert known["weaker"] is False


def test_the_pinned_packages_are_there(slot, place_of):
    program = """
import importlib.metadata, sys
print(sys.version_info[:2])
for name in sys.stdin.read().split():
    __import__({"python-dateutil": "dateutil"}.get(name, name))
    print(name, importlib.metadata.version(name))
"""
    from ssd_harness.sandbox.image import contents

    pinned = contents.packages()
    outcomes, _ = place_of(slot)(program, [" ".join(pinned).encode()], Runner.STDIO, cpu_s=30.0, wall_s=120.0)
    lines = outcomes[0].output.decode().splitlines()
    assert lines[0] == "(3, 11)"
    assert dict(line.split() for line in lines[1:]) == pinned


def test_prune_removes_other_versions_and_keeps_what_runs(slot, engine, docker_sandbox, monkeypatch):
    with monkeypatch.context() as patch:
        image = docker_image.tag()
        # A name of its own: other checkouts on this machine may be using their images.
        patch.setattr(docker_image, "REPOSITORY", f"ssd-harness-prune-{os.getpid()}")
        engine.tag(image, docker_image.REPOSITORY, "old")
        assert f"image {docker_image.REPOSITORY}:old" in docker_sandbox.prune()
        assert alive(engine, slot._stream.id)
    docker_sandbox.check()


def test_prune_spares_a_container_that_is_about_to_start(engine, docker_sandbox, monkeypatch):
    monkeypatch.setattr(docker_image, "REPOSITORY", f"ssd-harness-prune-{os.getpid()}")
    container = engine.create_container(docker_sandbox.describe()["image"], labels={docker_image.LABEL: "slot"})["Id"]
    try:
        docker_sandbox.prune()
        assert engine.inspect_container(container)["State"]["Status"] == "created"
    finally:
        engine.remove_container(container)


def test_the_docker_socket_is_the_one_that_docker_host_names(docker_sandbox, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not os.path.exists("/var/run/docker.sock"):  # noqa: PTH110 - a socket is no file to open
        pytest.skip("the engine listens elsewhere")
    DockerSandbox().check()


def test_gvisor_below_judges_the_same(docker_sandbox, engine, place_of):
    if "runsc" not in (engine.info().get("Runtimes") or {}):
        pytest.skip("the engine has no runtime runsc")
    with DockerSandbox(runtime="runsc") as sandbox:
        place = place_of(sandbox.open_slot())
        for runner in (Runner.LCB_STDIN, Runner.STDIO):
            outcomes, _ = place("print(sum(map(int, input().split())))", [b"1 2", b"3 4"], runner)
            assert [outcome.output for outcome in outcomes] == [b"3\n", b"7\n"]
        outcomes, _ = place("while True: pass", [b""], cpu_s=0.5)
        assert outcomes[0].status == "cpu"
