"""Ways to judge the same work: in Docker slots, in a subprocess a test, and in a ``docker exec`` a test."""

import contextlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import docker

from ssd_harness.judge.comparison import compare_lines
from ssd_harness.judge.scheduler import judge_programs
from ssd_harness.plugins.docker import image as docker_image
from ssd_harness.plugins.docker.sandbox import DockerSandbox


def in_slots(work, judge, sandbox, workers):
    """Return {(question_id, sample): passed}, as judged in the sandbox's slots, which are opened and closed again."""
    verdicts = judge_programs(work.programs, work.tests.__getitem__, judge=judge, sandbox=sandbox, workers=workers)
    return {(verdict.question_id, verdict.sample): verdict.passed for verdict in verdicts}


def in_subprocesses(work, workers):
    """Run each test in an interpreter of its own on the bare machine."""

    def run(code, data):
        done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=False)
        return done.stdout

    return _each_test(work, workers, lambda _: run)


def in_docker_exec(work, workers):
    """Run each test in an interpreter of its own in one long-lived container a worker, as other harnesses do."""
    api = DockerSandbox().engine()
    image = api.inspect_image(docker_image.tag())["Id"]
    with contextlib.ExitStack() as cleanup:
        containers = []
        for _ in range(workers):
            options = {
                "image": image,
                "entrypoint": ["python3", "-c", "import time; time.sleep(1000)"],
                "labels": {docker_image.LABEL: "benchmark"},
            }
            name = api.create_container(**options, network_disabled=True)["Id"]
            cleanup.callback(api.remove_container, name, force=True)
            api.start(name)
            containers.append(name)

        def runner(worker):
            own: docker.APIClient = DockerSandbox().engine()
            cleanup.callback(own.close)

            def run(code, data):
                # The input goes along as an argument, which is cheaper than a stream.
                text = "import io, sys; sys.stdin = io.StringIO(sys.argv[1]); exec(sys.argv[2])"
                command = ["python3", "-c", text, data.decode(), code]
                return own.exec_start(own.exec_create(containers[worker], command)["Id"])

            return run

        return _each_test(work, workers, runner)


def _each_test(work, workers, runner):
    """Judge on ``workers`` threads; ``runner(worker)`` gives a thread's way to run one test."""

    def share(worker):
        run, passed = runner(worker), {}
        for program in work.programs[worker::workers]:
            tests = work.tests[program.question_id]
            pairs = zip(tests.inputs, tests.expected, strict=True)
            passed[program.question_id, program.sample] = all(
                not compare_lines(run(program.code, data), expected) for data, expected in pairs
            )
        return passed

    with ThreadPoolExecutor(workers) as pool:
        shares = pool.map(share, range(workers))
        return {key: passed for each in shares for key, passed in each.items()}
