"""The hostile corpus: what each program attacks, what may become of it, and the problems all of them are judged on.

Every program is wrong unless its attack succeeds: a prober answers rightly if and only if it found what it probed for, so that an
accepted attack is a hole. A program that defines ``attack()`` or ``result()`` is completed here for each kind of problem; the
others are whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ssd_harness.judge.problem import ProblemTests, Program
from ssd_harness.judge.verdicts import Verdict
from ssd_harness.sandbox.contracts import Limits

PROGRAMS = Path(__file__).with_name("programs")
LIMITS = Limits(cpu_s=1.0, wall_s=4.0, memory=1 << 30, output=4 << 20, processes=16)

WA, RE, TLE, MLE, OLE, CE = Verdict.WA, Verdict.RE, Verdict.TLE, Verdict.MLE, Verdict.OLE, Verdict.CE
FAILED = frozenset({WA, RE, TLE, MLE, OLE, CE})


@dataclass(frozen=True)
class Attack:
    """One hostile program: the problems it is judged on, the verdicts it may get, and how long that may take."""

    problems: str
    verdicts: frozenset[Verdict] = FAILED
    wall_s: float = 8.0


def _attack(problems: str, *verdicts: Verdict, wall_s: float = 8.0) -> Attack:
    return Attack(problems, frozenset(verdicts) or FAILED, wall_s)


BOTH = "stdin int"
_wrong = _attack(BOTH, WA)
_crashed = _attack(BOTH, RE)
_wrong_or_crashed = _attack(BOTH, WA, RE)
# Work without end is stopped by CPU time where it has its core for itself and by the wall backstop where it has not.
_endless = _attack("stdin", TLE)
_hungry = _attack("stdin", MLE, RE, TLE, WA, wall_s=15.0)

# Where no verdict is named, any failure will do: which of them it is depends on what the program breaks first.
ATTACKS: dict[str, Attack] = {
    "lying/int_eq": _attack("int", WA),
    "lying/int_everything": _attack("int", WA, RE),
    "lying/str_eq": _attack("str", WA),
    "lying/list_eq": _attack("list", WA),
    "lying/list_of_liars": _attack("list", WA),
    "lying/object_eq": _attack("bool", WA),
    "lying/float_eq": _attack("float", WA),
    "lying/reduce": _attack("int", WA),
    "lying/fake_class": _attack("int", WA, RE),
    "lying/hash_collider": _attack("str", WA, RE),
    "lying/tolist": _attack("list", WA, RE),
    "lying/numpy_subclass": _attack("list", WA, RE),
    "lying/decimal_subclass": _attack("float", WA, RE),
    "lying/nan": _attack("float", WA),
    "lying/stdout_object": _attack("stdin", WA, RE),
    "lying/string_io": _attack("stdin", WA, RE),
    "decoding/deep_list": _attack("list", WA, RE, OLE),
    "decoding/deep_mixed": _attack("list", WA, RE, OLE),
    "decoding/cycle": _attack("list", WA, RE, OLE, MLE, TLE),
    "decoding/huge_int": _attack("int", WA, RE, OLE, TLE, MLE),
    "decoding/many_huge_ints": _attack("list", WA, RE, OLE, TLE),
    "decoding/huge_exponent": _attack("float", WA, RE, OLE),
    "decoding/signalling_nan": _attack("float", WA, RE),
    "decoding/fraction": _attack("float", WA, RE, OLE, TLE),
    "decoding/complex_and_friends": _attack("list", WA, RE),
    "decoding/tag_lookalikes": _attack("list", WA),
    "decoding/json_text": _attack("list", WA),
    "decoding/wrong_containers": _attack("list", WA, RE),
    "decoding/number_as_text": _attack("int", WA),
    "decoding/surrogates": _attack("str", WA, RE),
    "decoding/surrogate_keys": _attack("str", WA, RE),
    "decoding/long_text": _attack("str", OLE, MLE, WA),
    "decoding/many_nodes": _attack("list", OLE, TLE, MLE, WA),
    "decoding/shared_nodes": _attack("list", OLE, TLE, MLE, WA),
    "decoding/endless_generator": _attack("list", OLE, TLE, MLE, WA),
    "decoding/endless_items": _attack("list", OLE, TLE, MLE, WA, RE),
    "decoding/infinite_float": _attack("float", WA),
    "decoding/printed_exponents": _attack("stdin", WA),
    "decoding/printed_snan": _attack("stdin", WA),
    "decoding/printed_digits": _attack("stdin", WA),
    "decoding/printed_tokens": _attack("stdin", WA, TLE),
    "decoding/printed_separators": _attack("stdin", WA),
    "decoding/printed_bytes": _attack("stdin", WA, RE),
    "decoding/extra_output": _attack("stdin", WA),
    "decoding/error_text": _crashed,
    "decoding/error_methods": _attack(BOTH, RE, TLE),
    "decoding/error_giant": _attack(BOTH, RE, TLE, MLE),
    # The official judge swallows SystemExit, so that there the missing output is what fails.
    "decoding/exit_codes": _wrong_or_crashed,
    "walking/frames": _attack("stdin", WA),
    "walking/frames_functional": _attack("int", WA),
    "walking/heap": _attack("int", WA, TLE),
    "walking/memory": _attack("stdin", WA, TLE, MLE),
    "walking/trace": Attack(BOTH),
    "walking/reporter": Attack(BOTH),
    "walking/imports": _wrong_or_crashed,
    "walking/swap_code": _wrong_or_crashed,
    "patching/builtins": Attack(BOTH),
    "patching/no_builtins": Attack(BOTH),
    "patching/imports": Attack(BOTH),
    "patching/slots": Attack(BOTH),
    "patching/small_ints": Attack(BOTH),
    "patching/at_exit": Attack(BOTH),
    "patching/descriptor_calls": Attack(BOTH),
    "patching/clocks": _endless,
    "patching/audit_hook": _wrong_or_crashed,
    "patching/recursion": _wrong_or_crashed,
    "forging/garbage": Attack(BOTH),
    "forging/huge_lengths": Attack(BOTH),
    "forging/own_protocol": Attack(BOTH),
    "forging/first_right_then_silent": _attack("stdin", WA, RE),
    "forging/first_right_then_silent_functional": _attack("int", WA, RE),
    "forging/exit_while_loading": _attack("int", WA, RE),
    "forging/raw_exit": _wrong_or_crashed,
    "forging/swap_descriptors": Attack(BOTH),
    "forging/close_descriptors": _wrong_or_crashed,
    "forging/reopen": Attack(BOTH),
    "forging/pass_descriptors": Attack(BOTH),
    "forging/descriptor_flags": Attack(BOTH),
    "forging/rewrite_inputs": Attack(BOTH),
    "forging/report_socket_flood": Attack(BOTH),
    # Forged reports choose which wrong verdict they get, depending on which is read first.
    "forging/own_report": _attack(BOTH, WA, RE, OLE),
    "forging/claims_limits": Attack("stdin"),
    "forging/launder_time": _attack("stdin", TLE, RE),
    "forging/load_time": _attack("int", TLE, RE),
    "forging/report_flood": Attack(BOTH),
    "forging/descriptors_in_flight": _attack(BOTH, WA, RE),
    "forging/descriptors_in_flight_many": _attack(BOTH, WA, RE),
    "raw/half_infinity": _attack("int float", WA),
    "raw/half_infinity_list": _attack("list", WA),
    "raw/single_infinity": _attack("int float", WA),
    "raw/decimals": _attack("list float", WA),
    "raw/fractions": _attack("list", WA),
    "raw/digits_in_text": _attack("list str", WA),
    "raw/empty_lists": _attack("list", WA),
    "raw/empty_tags": _attack("list", WA),
    "raw/deep": _attack("list", WA),
    "raw/deep_tags": _attack("int list", WA),
    "raw/long_number": _attack("int", WA),
    "raw/long_exponent": _attack("list float", WA),
    "raw/not_json": _attack("str", WA),
    "raw/half_json": _attack("list", WA),
    "raw/many_values": _attack("int list", WA),
    "raw/wrong_bodies": _attack("list", WA),
    "raw/unhashable_keys": _attack("list", WA),
    "raw/fraction_by_zero": _attack("int float", WA),
    "signals/kill_parent": _wrong_or_crashed,
    "signals/kill_everybody": _wrong_or_crashed,
    "signals/stop_everybody": _attack("stdin", WA, RE, TLE),
    "signals/kill_by_number": _wrong_or_crashed,
    "signals/kill_group": _crashed,
    "signals/stop_itself": _endless,
    "signals/ignore_limits": _endless,
    "signals/except_everything": _endless,
    "signals/reset_timers": _endless,
    "signals/limit_the_parent": Attack(BOTH),
    "signals/segfault": _crashed,
    "signals/abort": _crashed,
    "signals/odd_name": _endless,
    "signals/become_reaper": _wrong_or_crashed,
    "signals/priorities": _wrong_or_crashed,
    "signals/affinity": _attack("stdin", WA, TLE),
    "signals/signal_storm": Attack("stdin"),
    "exhaustion/fork_bomb": _attack(BOTH, TLE, RE, MLE),
    "exhaustion/fork_bomb_quiet": Attack("stdin"),
    "exhaustion/zombies": _wrong_or_crashed,
    "exhaustion/threads": _attack("stdin", WA, RE, TLE, MLE),
    "exhaustion/spinning_threads": _attack("stdin", TLE, RE),
    "exhaustion/cpu_in_children": _attack("stdin", TLE),
    "exhaustion/cpu_in_short_children": _attack("stdin", TLE, RE),
    "exhaustion/memory": _attack(BOTH, MLE, RE, TLE, wall_s=15.0),
    "exhaustion/memory_survivor": _hungry,
    "exhaustion/memory_in_children": _hungry,
    "exhaustion/memory_files": _hungry,
    "exhaustion/pipes": _hungry,
    "exhaustion/stdout_flood": _attack("stdin", OLE, MLE, TLE),
    "exhaustion/stdout_flood_raw": _attack("stdin", OLE, TLE, RE, WA),
    "exhaustion/stdout_drops": _attack("stdin", OLE, TLE),
    "exhaustion/stderr_flood": _attack("stdin", OLE, TLE, RE),
    "exhaustion/sparse_output": Attack(BOTH),
    "exhaustion/sleep": _endless,
    "exhaustion/wait_for_input": _endless,
    "exhaustion/deadlock": _endless,
    "exhaustion/c_loop": _endless,
    "exhaustion/regex": _endless,
    "exhaustion/huge_power": _attack("stdin", TLE, MLE, RE),
    "exhaustion/digits": _attack("stdin", TLE, MLE, RE),
    "exhaustion/compile_nesting": _attack("stdin", RE, TLE, MLE),
    "exhaustion/own_source": _attack("stdin", CE, RE),
    "exhaustion/own_source_constant": _attack("stdin", WA, RE, MLE, TLE, CE, wall_s=15.0),
    "exhaustion/c_recursion": Attack("stdin"),
    "exhaustion/deep_recursion": _attack("stdin", RE, TLE, MLE, WA),
    "exhaustion/resurrection": _attack("stdin", TLE, RE),
    "exhaustion/descriptors": _wrong_or_crashed,
    "exhaustion/unpacking": _hungry,
    "exhaustion/disk": _wrong,
    "stragglers/daemon": _attack(BOTH, WA, TLE),
    "stragglers/busy_daemon": _attack("stdin", WA, TLE),
    "stragglers/respawner": _attack("stdin", WA, TLE, RE, wall_s=15.0),
    "stragglers/respawner_crowd": _attack("stdin", WA, TLE, RE, wall_s=15.0),
    "stragglers/late_writer": Attack(BOTH),
    "stragglers/stopped_daemon": _attack("stdin", WA, TLE),
    "stragglers/vfork": _attack("stdin", WA, TLE, RE),
    "stragglers/re_exec": _attack("stdin", WA, TLE, RE),
    "stragglers/re_exec_daemon": _attack("stdin", WA, TLE),
    "stragglers/two_parents": _attack("stdin", WA, TLE, wall_s=15.0),
    "stragglers/thread_group_leader": Attack("stdin"),
    "leftovers/files_write": _attack("stdin", WA),
    "leftovers/files_read": _wrong,
    "leftovers/any_writable_place": _attack(BOTH, WA, TLE),
    "leftovers/proc_write": _attack(BOTH, WA, TLE),
    "leftovers/shared_memory_write": _wrong,
    "leftovers/shared_memory_read": _wrong,
    "leftovers/message_queue": _wrong_or_crashed,
    "leftovers/keyring": _wrong,
    "leftovers/abstract_socket": _wrong,
    "leftovers/bytecode": _wrong,
    "leftovers/interpreter": _wrong,
    "leftovers/host_name": _wrong,
    "leftovers/file_lock": _attack(BOTH, WA, TLE),
    "escaping/network": _wrong,
    "escaping/interfaces": _wrong,
    "escaping/environment": _wrong,
    "escaping/host_files": _wrong,
    "escaping/other_processes": _wrong,
    "escaping/ptrace": _wrong,
    "escaping/steal_descriptor": _wrong,
    "escaping/set_user": _wrong,
    "escaping/capabilities": _wrong,
    "escaping/suid": _attack("stdin", WA, RE, TLE),
    "escaping/namespaces": _wrong_or_crashed,
    "escaping/mounts": _wrong,
    "escaping/kernel_interfaces": _wrong_or_crashed,
    "escaping/other_architecture": _wrong_or_crashed,
    "escaping/own_image": _wrong,
    "escaping/oom_score": _hungry,
    "escaping/terminal": _wrong,
    "escaping/personality": _endless,
    "escaping/foreign_program": _wrong_or_crashed,
    "escaping/memory_program": _wrong_or_crashed,
}

COMPLETION = {
    "stdin": """

import sys


def answer():
    numbers = [int(word) for word in sys.stdin.read().split()[1:]]
    if attack() is True:
        print(sum(numbers))
        print(max(numbers))
    else:
        print("not taken in")
        print("wrong")


answer()
""",
    "int": """

class Solution:
    def total(self, xs):
        total = sum(xs)
        return total if attack() is True else -1
""",
}

# The right programs also claim a share of what a leftover of the program before would hold back: memory, threads, CPU time.
_CLAIM = """
import threading


def claim():
    room = bytearray(24 << 20)
    threads = [threading.Thread(target=sum, args=(range(5_000),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(room)


"""


@dataclass(frozen=True)
class AttackedProblem:
    """A problem with one right and one wrong program, to be judged after every attack."""

    tests: ProblemTests
    right: str
    wrong: str


def _functional(name: str, function: str, cases: list[tuple[str, str]], right: str, wrong: str) -> AttackedProblem:
    method = "class Solution:\n    def {}(self, value):\n        claim()\n        return {}\n"
    inputs, expected = zip(*cases, strict=True)
    tests = ProblemTests(name, tuple(text.encode() for text in inputs), expected, 1, function)
    return AttackedProblem(
        tests, _CLAIM + method.format(function, right), method.replace("claim()", "pass").format(function, wrong)
    )


PROBLEMS: dict[str, AttackedProblem] = {
    "stdin": AttackedProblem(
        ProblemTests(
            "stdin",
            (b"1\n700001\n", b"3\n810013 52 -9\n", b"5\n1 2 3 4 920027\n"),
            ("700001\n700001\n", "810056\n810013\n", "920037\n920027\n"),
            1,
        ),
        _CLAIM + "claim()\nn = int(input())\nxs = list(map(int, input().split()))\nprint(sum(xs))\nprint(max(xs))\n",
        "n = int(input())\nxs = list(map(int, input().split()))\nprint(sum(xs))\nprint(min(xs) - 1)\n",
    ),
    "int": _functional(
        "int",
        "total",
        [("[700001]", "700001"), ("[810013, 52, -9]", "810056"), ("[1, 2, 3, 4, 920027]", "920037")],
        "sum(value)",
        "sum(value) + 1",
    ),
    "list": _functional(
        "list",
        "evens",
        [("[700002, 1]", "[700002]"), ("[4, 810013, 2]", "[4, 2]"), ("[1, 6, 6, 8]", "[6, 6, 8]")],
        "[x for x in value if x % 2 == 0]",
        "[x for x in value if x % 2]",
    ),
    "str": _functional(
        "str",
        "joined",
        [('["ab"]', '"ab"'), ('["x", "\\u00e9", "z"]', '"x-\\u00e9-z"'), ('["", "q"]', '"-q"')],
        '"-".join(value)',
        '"+".join(value) + "!"',
    ),
    "bool": _functional(
        "bool",
        "rising",
        [("[1, 2, 3]", "true"), ("[3, 2]", "false"), ("[5, 5, 6]", "true")],
        "value == sorted(value)",
        "value != sorted(value)",
    ),
    "float": _functional(
        "float",
        "mean",
        [("[1, 2]", "1.5"), ("[700001, 1]", "350001.0"), ("[3, 4, 5.5]", "4.166666666666667")],
        "sum(value) / len(value)",
        "sum(value)",
    ),
}


# A program that defines ``result()`` writes those bytes as its result and its report itself, past the runner's encoder: to the
# two descriptors of a process for one test, or as the reports of a process for all tests.
FORGERY = """

def write(handle, data):
    import posix

    view = memoryview(data)
    while view:
        view = view[posix.write(handle, view):]


class Solution:
    def {function}(self, value):
        import posix
        import struct

        data = result()
        try:
            write(62, data)
        except OSError:
            for position in range(64):
                write(63, struct.pack("<BIBHQ", 2, position, 0, 0, len(data)) + data)
        else:
            write(63, struct.pack("<BIBHQ", 2, 0, 0, 0, 0))
        posix._exit(0)
"""


@dataclass(frozen=True)
class Judged:
    """What a program of the batch is: an attack by its name, or the right or wrong program that follows it."""

    program: Program
    role: str
    attack: str


def source(name: str, problem: str) -> str:
    """Return the attack's program text, completed for the problem where it only defines ``attack()``."""
    text = (PROGRAMS / f"{name}.py").read_text(encoding="utf-8")
    if "\ndef result():" in text:
        return text + FORGERY.format(function=PROBLEMS[problem].tests.function)
    return text + COMPLETION[problem] if "\ndef attack():" in text else text


def batch(names: list[str] | None = None) -> Iterator[Judged]:
    """Yield attack, right, wrong, attack, right, wrong …, one problem after the other."""
    for problem, attacked in PROBLEMS.items():
        sample = 0
        for name, attack in ATTACKS.items():
            if problem not in attack.problems.split() or (names is not None and name not in names):
                continue
            for role, code in (("attack", source(name, problem)), ("right", attacked.right), ("wrong", attacked.wrong)):
                yield Judged(Program(problem, sample, code), role, name)
                sample += 1


def load_tests(question_id: str) -> ProblemTests:
    """Return the tests of one of the attacked problems."""
    return PROBLEMS[question_id].tests
