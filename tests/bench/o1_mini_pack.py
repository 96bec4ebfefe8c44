"""Time the O1-Mini pack in Docker slots against bare forks of the same runners: ``python o1_mini_pack.py [lcb|stdio]``.

Bare forks isolate nothing: one lean process a core forks once per program (per test with ``stdio``) and compares what
comes back. The programs that hit a time limit are left out. Rounds are interleaved, since machines are noisy.
"""

import json
import multiprocessing
import os
import resource
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve()
LCB = Path(os.environ.get("SSD_LCB_FIXTURES") or HERE.parents[3] / "shared" / "lcb")
TIME_LIMITED = {"3406", "3563", "abc301_e", "abc361_f", "abc363_c", "3527"}
TIME_LIMITED_ON_PIPES = {"abc366_e"}
ROUNDS = 3


def work():
    """Return (programs, tests by question id)."""
    from ssd_harness.judge.problem import Program
    from ssd_harness.lcb.releases import select
    from ssd_harness.lcb.store import open_store

    store = open_store(select("v6"), LCB / "code_generation_lite")
    with (LCB / "generations_o1-mini.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    skipped = TIME_LIMITED | (TIME_LIMITED_ON_PIPES if "stdio" in sys.argv else set())
    programs = [Program(row["question_id"], 0, row["code"]) for row in rows if row["question_id"] not in skipped]
    return programs, {program.question_id: store.tests(program.question_id) for program in programs}


def bare_process(programs, tests, judge):
    """Judge ``programs`` in bare forks of this process."""
    import gc

    sys.path.insert(0, str(HERE.parents[1]))
    from bench.bare_fork import BareForkSandbox

    from ssd_harness.judge.inputs import Judge, TestLoader
    from ssd_harness.judge.trial import Trial
    from ssd_harness.sandbox.contracts import JobEnd

    slot = BareForkSandbox().open_slot()
    loader = TestLoader(tests.__getitem__, Judge(judge), "all", None)
    gc.collect()
    gc.freeze()
    for number, program in enumerate(programs):
        if not program.code.strip():
            continue
        loaded = loader.load(program.question_id, slot)
        slot.submit(number, loaded.job(program.code))
        trial = Trial(program, loaded.expected, loaded.checker, loaded.limits)
        while not isinstance(event := slot.receive(), JobEnd):
            if trial.take(event):
                slot.cancel(number)
        slot.drop(loaded.key)


def bare(programs, tests, judge, cores):
    """Return the seconds that bare forks take, one process a core."""
    context = multiprocessing.get_context("spawn")
    start = time.perf_counter()
    processes = []
    for core in range(cores):
        part = programs[core::cores]
        needed = {program.question_id: tests[program.question_id] for program in part}
        processes.append(context.Process(target=bare_process, args=(part, needed, judge)))
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return time.perf_counter() - start


def docker(programs, tests, judge, cores):
    """Return the seconds that Docker slots take, their start and end included."""
    from ssd_harness.plugins.docker_sandbox import DockerSandbox

    from ssd_harness.judge.schedule import judge_programs

    start = time.perf_counter()
    with DockerSandbox() as sandbox:
        judge_programs(programs, tests.__getitem__, judge=judge, sandbox=sandbox, workers=cores)
    return time.perf_counter() - start


def main():
    judge = sys.argv[1] if len(sys.argv) > 1 else "lcb"
    programs, tests = work()
    cores = len(os.sched_getaffinity(0))
    ran = sum(len(tests[program.question_id].inputs) for program in programs)
    print(f"{len(programs)} programs, up to {ran} tests, judge {judge}, {cores} cores")
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_SELF)
        slots = docker(programs, tests, judge, cores)
        after = resource.getrusage(resource.RUSAGE_SELF)
        forks = bare(programs, tests, judge, cores)
        host = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(
            f"docker {slots:.1f} s, bare fork {forks:.1f} s, ratio {slots / forks:.2f}; "
            f"host CPU {host:.1f} s, peak {after.ru_maxrss >> 10} MiB, load {os.getloadavg()[0]:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
