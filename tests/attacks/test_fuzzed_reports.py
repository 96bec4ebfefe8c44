"""Random reports, almost well formed: the worker survives each, and the program that sent them fails."""

import random
import struct

import pytest
from attacked_problems import LIMITS, PROBLEMS, load_tests

from ssd_harness.judge.problem_tests import Program
from ssd_harness.judge.scheduler import judge_programs
from ssd_harness.judge.verdicts import Verdict

COUNT = 120
HEADER = struct.Struct("<BIBHQ")
TEMPLATE = """\
import posix


class Solution:
    def total(self, value):
        for handle, data in {writes!r}:
            try:
                posix.set_blocking(handle, False)
                while data:
                    data = data[posix.write(handle, data):]
            except OSError:
                pass
        if {leaves}:
            posix._exit({leaves} - 1)
        return -1
"""


def frame(choose):
    """Return one report with a few fields out of order, out of bounds or out of luck."""
    kind = choose.choice([1, 2, 2, 2, 2, 0, 3, 255])
    position = choose.choice([0, 0, 1, 2, 3, 2**31, 2**32 - 1])
    status = choose.choice([0, 0, 0, *range(9), 9, 255])
    message = choose.randbytes(choose.choice([0, 0, 3, 2000, 2001]))
    output = choose.choice([b"", b"-1", b"[", b'{"a":', choose.randbytes(40)])
    length = choose.choice([len(output), len(output), 0, 1, 5 << 20, 1 << 40, 2**64 - 1])
    data = bytearray(HEADER.pack(kind, position, status, len(message), length) + message + output)
    if choose.random() < 0.2:
        data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
    return bytes(data[: choose.choice([len(data), len(data), choose.randrange(len(data))])])


def program(seed):
    """Return a program that writes random reports to the descriptors for reports and results."""
    choose = random.Random(seed)
    writes = [(choose.choice([63, 63, 63, 62, 1, 0]), frame(choose)) for _ in range(choose.randrange(1, 8))]
    return TEMPLATE.format(writes=writes, leaves=choose.choice([0, 1, 2]))


@pytest.mark.slow
@pytest.mark.parametrize("judge", ["lcb", "stdio"])
def test_fuzzed_reports(process_sandbox, watched, judge):
    right = PROBLEMS["int"].right
    codes = [code for seed in range(COUNT) for code in (program(seed), right)]
    sandbox = watched(process_sandbox)
    verdicts = judge_programs(
        [Program("int", number, code) for number, code in enumerate(codes)],
        load_tests,
        judge=judge,
        sandbox=sandbox,
        workers=1,
        limits=LIMITS,
    )
    fuzzed = [verdict for verdict in verdicts[::2] if verdict.verdict in (Verdict.AC, Verdict.IE)]
    assert not fuzzed
    assert {verdict.verdict for verdict in verdicts[1::2]} == {Verdict.AC}
    assert sandbox.needed <= 2
