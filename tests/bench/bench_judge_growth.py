"""How the cost grows with slots, with the number of tests, and with the size of an input."""

import pytest
from bench import bare_processes, ways
from bench.cost import MeteredDocker, measured
from bench.work import CORES, large_inputs, sums

JUDGES = ("lcb", "stdio")


@pytest.fixture
def four_slots(monkeypatch):
    """Let the host have four slots, whatever its cores."""
    monkeypatch.setenv("SSD_HARNESS_SLOTS", "4")


@pytest.mark.docker
def test_slots(benchmark, docker_sandbox, four_slots, table):
    work, sandbox = {"lcb": sums(100, 10), "stdio": sums(10, 10)}, MeteredDocker()
    rows = table(
        f"Slots, {CORES} cores: programs/s (CPU ms/program), 10 tests each, start and end included",
        "judge", *(f"{count} slot{'s' if count > 1 else ''}" for count in range(1, 5)),
    )  # fmt: skip

    def run():
        for judge in JUDGES:
            cells = []
            for slots in range(1, 5):
                with measured(sandbox) as cost:
                    assert all(ways.in_slots(work[judge], judge, sandbox, slots).values())
                count = len(work[judge])
                benchmark.extra_info[f"{judge} {slots}"] = count / cost.wall_s
                cells.append(f"{count / cost.wall_s:.0f} ({1e3 * cost.cpu_s / count:.1f})")
            rows.row(judge, *cells)

    benchmark.pedantic(run, rounds=1)


@pytest.mark.docker
def test_number_of_tests(benchmark, docker_sandbox, table):
    counts, programs = (1, 3, 10, 30, 100), {"lcb": (30, 10), "stdio": (4, 5)}
    rows = table(
        "Number of tests: CPU ms/program, start and end included", "way", *(f"{each} tests" for each in counts)
    )

    _compare(benchmark, rows, lambda judge: (sums(*programs[judge], tests) for tests in counts), places=1)


@pytest.mark.docker
def test_size_of_an_input(benchmark, docker_sandbox, table):
    sizes = {
        "1 KB": 1 << 10,
        "16 KB": 16 << 10,
        "256 KB": 256 << 10,
        "1 MB": 1 << 20,
        "4 MB": 4 << 20,
        "16 MB": 16 << 20,
    }
    rows = table("Size of the one input of 4 samples: CPU ms/program, start and end included", "way", *sizes)

    _compare(benchmark, rows, lambda _: (large_inputs(size, 4) for size in sizes.values()), places=0)


def _compare(benchmark, rows, works, places):
    """Note the CPU ms a program of both ways for each judge; ``works(judge)`` yields one column's programs each."""
    sandbox = MeteredDocker()

    def run():
        for judge in JUDGES:
            docker, bare = [], []
            for work in works(judge):
                with measured(sandbox) as cost:
                    assert all(ways.in_slots(work, judge, sandbox, CORES).values())
                docker.append(1e3 * cost.cpu_s / len(work))
                with measured() as cost:
                    assert all(bare_processes.judged(work, judge, CORES)[0].values())
                bare.append(1e3 * cost.cpu_s / len(work))
            benchmark.extra_info.update({f"docker {judge}": docker, f"bare {judge}": bare})
            rows.row(f"docker, {judge}", *(f"{each:.{places}f}" for each in docker))
            rows.row(f"bare fork, {judge}", *(f"{each:.{places}f}" for each in bare))

    benchmark.pedantic(run, rounds=1)
