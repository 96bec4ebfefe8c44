"""What judging costs where the programs themselves cost nothing: both judges, and what they are measured against."""

from statistics import median

import pytest
from bench import bare_processes, ways
from bench.cost import MeteredDocker, measured
from bench.work import CORES, sums

ROUNDS = 3


@pytest.mark.docker
def test_programs_and_tests_per_second(benchmark, docker_sandbox, table):
    many, some, few, fewer = sums(200, 10), sums(20, 10), sums(6, 2), sums(4, 1)
    sandbox = MeteredDocker()
    designs = {
        "docker, judge lcb": (many, lambda work: ways.in_slots(work, "lcb", sandbox, CORES)),
        "bare fork, judge lcb": (many, lambda work: bare_processes.judged(work, "lcb", CORES)[0]),
        "docker, judge stdio": (some, lambda work: ways.in_slots(work, "stdio", sandbox, CORES)),
        "bare fork, judge stdio": (some, lambda work: bare_processes.judged(work, "stdio", CORES)[0]),
        "subprocess a test": (few, lambda work: ways.in_subprocesses(work, CORES)),
        "docker exec a test": (fewer, lambda work: ways.in_docker_exec(work, CORES)),
    }
    costs = {name: [] for name in designs}

    def rounds():
        for _ in range(ROUNDS):
            for name, (work, judged) in designs.items():
                with measured(sandbox if name.startswith("docker") else None) as cost:
                    passed = judged(work)
                assert len(passed) == len(work)
                assert all(passed.values()), name
                costs[name].append(cost)

    benchmark.pedantic(rounds, rounds=1)
    _report(table, designs, costs, benchmark.extra_info)


def _report(table, designs, costs, extra):
    rows = table(
        f"Programs of two lines, 10 tests each, {CORES} workers, start and end included, median of {ROUNDS} rounds",
        "way", "programs/s", "tests/s", "CPU ms/program", "of it host", "containers", "engine", "host peak MiB",
    )  # fmt: skip
    per_second, cpu = {}, {}
    for name, (work, _) in designs.items():
        wall, cpu[name] = (
            median(getattr(cost, what) / len(work) for cost in costs[name]) for what in ("wall_s", "cpu_s")
        )
        per_second[name] = 1 / wall
        parts = (
            median(getattr(cost, what) / len(work) for cost in costs[name])
            for what in ("host_s", "containers_s", "engine_s")
        )
        peak = max(cost.peak for cost in costs[name]) >> 20
        rows.row(
            name,
            f"{1 / wall:.1f}",
            f"{10 / wall:.0f}",
            f"{1e3 * cpu[name]:.2f}",
            *(f"{1e3 * part:.2f}" for part in parts),
            peak if name.startswith("docker, ") else "",
        )
    lcb, bare, execs = "docker, judge lcb", "bare fork, judge lcb", "docker exec a test"
    extra.update(per_second, lcb_per_bare=per_second[lcb] / per_second[bare])
    rows.note(
        f"lcb in Docker is {per_second[lcb] / per_second[bare]:.2f} x bare fork by time, "
        f"{cpu[bare] / cpu[lcb]:.2f} x by CPU (goal 0.8); {per_second[lcb] / per_second[execs]:.0f} x docker exec (goal 40)"
    )
