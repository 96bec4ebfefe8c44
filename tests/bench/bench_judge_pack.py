"""The published O1-Mini programs that stay clear of time limits: Docker slots against bare forks of the same runners."""

from statistics import median

import pytest
from bench import bare_processes, ways
from bench.cost import MeteredDocker, measured
from bench.work import CORES, o1_mini

_ROUNDS = {"lcb": 3, "stdio": 1}


@pytest.mark.docker
@pytest.mark.lcb
@pytest.mark.parametrize("judge", list(_ROUNDS))
def test_o1_mini_pack(benchmark, docker_sandbox, lcb_fixtures, table, judge, state):
    work, sandbox, rounds = o1_mini(lcb_fixtures, judge), MeteredDocker(), []

    def interleaved():
        for _ in range(_ROUNDS[judge]):
            with measured(sandbox) as docker:
                passed = ways.in_slots(work, judge, sandbox, CORES)
            with measured() as bare:
                passed_bare, ran = bare_processes.judged(work, judge, CORES)
            rounds.append((docker, bare, ran))
            # A program without code has no verdict of a bare fork.
            assert [key for key, verdict in passed_bare.items() if passed[key] is not verdict] == []

    benchmark.pedantic(interleaved, rounds=1)
    rows = table(
        f"O1-Mini without time limits, {len(work)} programs, {CORES} workers, start and end included",
        "judge", "tests", "docker s", "bare fork s", "ratio", "docker CPU s", "bare CPU s", "ratio", "host CPU s", "peak MiB",
    )  # fmt: skip
    for docker, bare, ran in rounds:
        rows.row(
            judge,
            ran,
            f"{docker.wall_s:.1f}",
            f"{bare.wall_s:.1f}",
            f"{docker.wall_s / bare.wall_s:.2f}",
            f"{docker.cpu_s:.1f}",
            f"{bare.cpu_s:.1f}",
            f"{docker.cpu_s / bare.cpu_s:.2f}",
            f"{docker.host_s:.1f}",
            docker.peak >> 20,
        )
    wall, cpu = (
        median(getattr(docker, what) / getattr(bare, what) for docker, bare, _ in rounds)
        for what in ("wall_s", "cpu_s")
    )
    benchmark.extra_info.update(wall_per_bare=wall, cpu_per_bare=cpu)
    rows.note(f"{judge}: median {wall:.2f} x bare fork's time, {cpu:.2f} x its CPU{' (goal 1.25)' * (judge == 'lcb')}")
