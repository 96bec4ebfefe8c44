"""A data set of the benchmark's size whose private tests are large, in its own encoding, and programs for it."""

import base64
import json
import pickle
import zlib

from ssd_harness.livecodebench.releases import RELEASES

_KINDS = 8
"""So many different sets of tests: making 1,055 would take longer than judging them."""
_TESTS = 4
_KEPT = 8
"""One in so many lines comes out again, turned round."""
_STDIN = (
    f"import sys\nlines = sys.stdin.read().split('\\n')\nprint('\\n'.join(line[::-1] for line in lines[::{_KEPT}]))"
)
_FUNCTION = f"class Solution:\n    def turned(self, lines):\n        return [line[::-1] for line in lines[::{_KEPT}]]"


def write(folder, size):
    """Write the files of release v6, each problem with private tests of ``size`` characters; return the number of bytes.

    Every other problem is functional.
    """
    kinds = [(_encoded(kind, size, kind % 2), kind % 2) for kind in range(_KINDS)]
    number = written = 0
    for file in RELEASES["v6"]:
        with (folder / file.name).open("w", encoding="utf-8") as stream:
            for _ in range(file.rows):
                written += stream.write(json.dumps(_row(number, *kinds[number % _KINDS])) + "\n")
                number += 1
    return written


def write_samples(path, samples):
    """Write ``samples`` right programs for each problem, each a little different, since equal texts run once."""
    problems = sum(file.rows for file in RELEASES["v6"])
    with path.open("w", encoding="utf-8") as stream:
        for number in range(problems):
            code = _FUNCTION if number % 2 else _STDIN
            codes = [f"{code}\n# {sample}" for sample in range(samples)]
            stream.write(json.dumps({"question_id": f"large{number}", "code_list": codes}) + "\n")
    return problems * samples


def _encoded(kind, size, functional):
    tests = []
    for number in range(_TESTS):
        line = f"{kind} {number} " + "abcdefgh" * 12
        # As text, a line in has a newline, and as JSON quotes and a comma.
        lines = [line] * int(size / _TESTS / (1 + 1 / _KEPT) / (len(line) + (3 if functional else 1)))
        turned = [each[::-1] for each in lines[::_KEPT]]
        given, wanted = map(_json if functional else "\n".join, (lines, turned))
        tests.append({"input": given, "output": wanted, "testtype": "functional" if functional else "stdin"})
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(tests)))).decode()


def _json(lines):
    return json.dumps(lines, separators=(",", ":"))


def _row(number, private, functional):
    public = [{"input": '["ab"]', "output": '["ba"]'}] if functional else [{"input": "ab\n", "output": "ba\n"}]
    return {
        "question_title": "Turned lines",
        "question_content": f"Print every {_KEPT}th line turned round.",
        "platform": "leetcode" if functional else "atcoder",
        "question_id": f"large{number}",
        "contest_id": "large",
        "contest_date": "2024-01-01T00:00:00",
        "starter_code": "class Solution:\n    def turned(self, lines):\n        " if functional else "",
        "difficulty": ("easy", "medium", "hard")[number % 3],
        "public_test_cases": json.dumps(
            [{**test, "testtype": "functional" if functional else "stdin"} for test in public]
        ),
        "private_test_cases": private,
        "metadata": json.dumps({"func_name": "turned"} if functional else {}),
    }
