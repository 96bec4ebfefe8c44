"""Ctrl-C while programs are judged: the run ends at once, delivered verdicts stay, and no container is left."""

import signal
import subprocess
import sys

import pytest

SCRIPT = """
import signal

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in a shell's background starts with it ignored

from ssd_harness.judge.problem_tests import ProblemTests, Program
from ssd_harness.judge.scheduler import judge_programs
from ssd_harness.plugins.docker.sandbox import DockerSandbox

programs = [Program("q", 0, "print(1)")] + [Program("q", n, "while True: pass") for n in range(1, 20)]
with DockerSandbox() as sandbox:
    real = sandbox.open_slot
    def open_slot(stop=None):
        slot = real(stop)
        print("slot", slot.name, flush=True)
        return slot
    sandbox.open_slot = open_slot
    judge_programs(
        programs, lambda q: ProblemTests(q, (b"",), ("1",), 1), judge="lcb", sandbox=sandbox, workers=1,
        on_verdict=lambda verdict: print("verdict", verdict.sample, verdict.verdict, flush=True),
    )
"""


@pytest.mark.docker
def test_ctrl_c_closes_the_slots(docker_sandbox):
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        slot = process.stdout.readline().split()[1]
        assert process.stdout.readline() == "verdict 0 AC\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    container = slot.removeprefix("docker-")
    assert [found for found in docker_sandbox.engine().containers(all=True) if found["Id"].startswith(container)] == []
