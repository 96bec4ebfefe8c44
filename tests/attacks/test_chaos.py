"""Containers, the harness and the engine are killed while programs are judged: no verdict is lost, changed or doubled."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from chaos_batch import PROBLEMS, cases, load_tests, programs

from ssd_harness.judge.scheduler import judge_programs

ENGINE_START_S = 60


class Killer:
    """Kills a random container among the open slots each time that so many more verdicts are there."""

    def __init__(self, engine, slots, every):
        self._engine, self._slots, self._every = engine, slots, every
        self._choose = random.Random(7)
        self._verdicts = 0
        self.killed = 0

    def __call__(self, _verdict):
        """Count a verdict, and kill if it is time; a container that is gone already does not count."""
        self._verdicts += 1
        if self._verdicts % self._every:
            return
        for slot in self._choose.sample(self._slots, len(self._slots)):
            with contextlib.suppress(Exception):
                self._engine.kill(slot.name.removeprefix("docker-"))
                self.killed += 1
                break


def judge_all(sandbox, judge, count, delivered=None, on_verdict=lambda _: None):
    """Judge the batch; return (expected, found) verdicts, and how often each was delivered."""
    batch = programs(count)
    delivered = Counter() if delivered is None else delivered

    def deliver(verdict):
        delivered.update([(verdict.question_id, verdict.sample)])
        on_verdict(verdict)

    verdicts = judge_programs(
        [program for program, _ in batch],
        load_tests,
        judge=judge,
        sandbox=sandbox,
        on_verdict=deliver,
    )
    return [verdict for _, verdict in batch], verdicts, delivered


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize(("judge", "count"), [("lcb", 300), ("stdio", 150)])
def test_killed_containers(docker_sandbox, watched, judge, count):
    sandbox = watched(docker_sandbox)
    with contextlib.closing(docker_sandbox.engine()) as engine:
        killer = Killer(engine, sandbox.slots, every=count // 5)
        expected, verdicts, delivered = judge_all(sandbox, judge, count, on_verdict=killer)
    assert killer.killed >= 2
    changed = [(want, got) for want, got in zip(expected, verdicts, strict=True) if got.verdict is not want]
    assert not changed
    assert len(delivered) == count
    assert set(delivered.values()) == {1}
    assert not sandbox.leaked()


@pytest.fixture
def samples(tmp_path, lcb_rows):
    """A data folder with the batch's problems, and a file of its programs as samples."""
    rows = []
    for number in range(PROBLEMS):
        tests = [{"input": given, "output": wanted, "testtype": "stdin"} for given, wanted in cases(f"chaos-{number}")]
        rows.append(
            lcb_rows.make(
                f"chaos-{number}",
                public_test_cases=json.dumps(tests[:1]),
                private_test_cases=lcb_rows.encode(tests[1:]),
            )
        )
    lcb_rows.write(tmp_path / "data" / "test.jsonl", rows)
    batch = programs(300)
    lcb_rows.write(
        tmp_path / "samples.jsonl", [{"question_id": program.question_id, "code": program.code} for program, _ in batch]
    )
    return batch


@pytest.mark.slow
def test_killed_harness(process_sandbox, samples, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "ssd_harness", "score", str(tmp_path / "samples.jsonl"), "--out", str(out)]
    command += ["--data", str(tmp_path / "data"), "--release", "v1", "--sandbox", "process"]
    journal = out / "verdicts.journal.jsonl"

    def lines():
        return len(journal.read_bytes().splitlines()) if journal.exists() else 0

    kills, before = 0, 0
    while kills < 3:
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while run.poll() is None and lines() < before + 20:
            time.sleep(0.02)
        if run.poll() is not None:
            break
        run.kill()
        run.communicate()
        kills += 1
        assert lines() >= before
        before = lines()
    assert kills >= 1
    assert before < len(samples)
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (out / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()]
    found = {(row["question_id"], row["sample"]): row["verdict"] for row in rows}
    assert len(rows) == len(found) == len(samples)
    assert found == {(program.question_id, program.sample): verdict.value for program, verdict in samples}
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["judged_now"] <= len(samples) - before + 1


class EngineDown(Exception):
    """A second engine does not start here."""


class PrivateEngine:
    """A Docker engine of this test's own, beside the machine's, so that it can be killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.host = f"unix://{folder}/socket"
        self._process: subprocess.Popen | None = None

    def start(self):
        """Start it and wait until it answers."""
        # What a killed engine leaves; the pid of its containerd may be somebody else's by now.
        for stale in ("pid", "run/containerd/containerd.pid"):
            (self._folder / stale).unlink(missing_ok=True)
        command = ["dockerd", "--host", self.host, "--bridge", "none", "--iptables=false", "--ip6tables=false"]
        for option, name in (("--data-root", "data"), ("--exec-root", "run"), ("--pidfile", "pid")):
            command += [option, f"{self._folder}/{name}"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + ENGINE_START_S
        while subprocess.run(["docker", "-H", self.host, "version"], capture_output=True, check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > end:
                raise EngineDown
            time.sleep(0.2)

    def kill(self):
        """Kill it without a warning."""
        self._process.kill()
        self._process.wait()

    def stop(self):
        """Stop it, what it started and what it mounted, none of which lies outside of its folder."""
        self.kill()
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if str(self._folder).encode() in (folder / "cmdline").read_bytes() and int(folder.name) != os.getpid():
                    os.kill(int(folder.name), signal.SIGKILL)
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
        for mount in sorted((path for path in mounts if path.startswith(str(self._folder))), reverse=True):
            subprocess.run(["umount", "--lazy", mount], check=False)


@pytest.fixture
def private_engine(docker_sandbox, tmp_path, monkeypatch):
    """A second engine that holds the sandbox's image."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("a second engine needs root and dockerd")
    from ssd_harness.plugins.docker import image as docker_image

    # A short path: a socket's name holds at most 107 bytes.
    folder = Path("/run") / f"ssd-chaos-{os.getpid()}"
    folder.mkdir()
    engine = PrivateEngine(folder)
    try:
        try:
            engine.start()
        except EngineDown:
            pytest.skip("a second engine does not start here")
        save = subprocess.Popen(["docker", "save", docker_image.tag()], stdout=subprocess.PIPE)
        subprocess.run(["docker", "-H", engine.host, "load"], stdin=save.stdout, check=True, capture_output=True)
        assert save.wait() == 0
        monkeypatch.setenv("DOCKER_HOST", engine.host)
        yield engine
    finally:
        engine.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.docker
@pytest.mark.slow
def test_killed_engine(private_engine):
    from ssd_harness.plugins.docker.sandbox import DockerSandbox

    delivered = Counter()
    kills = []

    def kill_twice():
        """Kill in the middle: after a quarter of the verdicts, and after a half of them."""
        for share in (150, 300):
            while len(delivered) < share and not over.is_set():
                time.sleep(0.05)
            private_engine.kill()
            kills.append(len(delivered))
            time.sleep(1)
            private_engine.start()

    over = threading.Event()
    trouble = threading.Thread(target=kill_twice)
    with DockerSandbox() as sandbox:
        trouble.start()
        try:
            expected, verdicts, delivered = judge_all(sandbox, "lcb", 600, delivered)
        finally:
            over.set()
            trouble.join()
    assert len(kills) == 2
    assert kills[1] < 600
    assert [verdict.verdict for verdict in verdicts] == expected
    assert len(delivered) == 600
    assert set(delivered.values()) == {1}
