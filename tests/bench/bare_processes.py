"""Bare forks of the runners' own code, one lean process a core: the limit that the sandboxes are measured against.

Run as a program, a share of the work comes as a pickle on standard input, and what became of it goes to standard output.
"""

import gc
import os
import pickle
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def judged(work, judge, cores):
    """Judge ``work`` on ``cores`` processes; return {(question_id, sample): passed} and how many tests ran."""
    processes = []
    for core in range(cores):
        # As they come: several samples of a problem lie side by side, and its tests are loaded once.
        size = -(-len(work.programs) // cores)
        part = work.programs[core * size : (core + 1) * size]
        needed = {program.question_id: work.tests[program.question_id] for program in part}
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.bare_processes"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
        )
        pickle.dump((part, needed, judge), process.stdin)
        process.stdin.close()
        processes.append(process)
    passed, ran = {}, 0
    for process in processes:
        with process.stdout:
            some, count = pickle.load(process.stdout)
        process.wait()
        passed.update(some)
        ran += count
    return passed, ran


def main():
    from bench.bare_fork import BareForkSandbox

    from ssd_harness.judge.judges import Judge, TestSelection
    from ssd_harness.judge.loaded_tests import TestLoader
    from ssd_harness.judge.trial import Trial
    from ssd_harness.judge.verdicts import Verdict
    from ssd_harness.sandbox.interface import JobEnd, Limits

    programs, tests, judge = pickle.load(sys.stdin.buffer)
    slot = BareForkSandbox().open_slot()
    # This interpreter may be slower than the image's: a time limit must not make the yardstick shorter.
    loader = TestLoader(tests.__getitem__, Judge(judge), TestSelection.ALL, Limits(cpu_s=30.0, wall_s=120.0))
    gc.collect()
    gc.freeze()
    passed, ran, loaded, at = {}, 0, None, None
    for number, program in enumerate(programs):
        if not program.code.strip():
            continue
        if program.question_id != at:
            if loaded is not None:
                slot.drop(loaded.inputs)
            loaded, at = loader.load(program.question_id, slot), program.question_id
        slot.submit(number, loaded.job(program.code))
        trial = Trial(program, loaded.expected, loaded.checker, loaded.limits)
        while not isinstance(event := slot.receive(), JobEnd):
            if trial.take(event):
                slot.cancel(number)
        trial.compare()
        ran += trial.seen
        passed[program.question_id, program.sample] = trial.decision is Verdict.AC
    pickle.dump((passed, ran), sys.stdout.buffer)


if __name__ == "__main__":
    main()
