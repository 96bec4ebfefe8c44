"""Each package that the documentation names works in both sandboxes, under the default limits and the system call filter."""

import pytest

from ssd_harness.judge.problem_tests import ProblemTests, Program
from ssd_harness.judge.scheduler import judge_programs
from ssd_harness.sandbox.image import contents

PROGRAMS = {
    "numpy": "import numpy as np\nprint(int(np.linalg.det(np.array([[2.0, 1.0], [1.0, 4.0]])).round()))",
    "pandas": "import pandas as pd\nprint(pd.Series([3, 4]).sum())",
    "scipy": "from scipy.sparse.csgraph import dijkstra\nprint(int(dijkstra([[0, 7], [0, 0]])[0, 1]))",
    "sympy": "import sympy\nprint(sympy.prevprime(8))",
    "networkx": "import networkx as nx\ng = nx.path_graph(8)\nprint(nx.shortest_path_length(g, 0, 7))",
    "mpmath": "import mpmath\nprint(int(mpmath.nint(mpmath.sqrt(49))))",
    "numba": "from numba import njit\n@njit\ndef f(n):\n    s = 0\n    for k in range(n):\n        s += k\n    return s\nprint(f(4) + 1)",
    "numba.vectorize": "import numpy as np\nfrom numba import vectorize, int64\n@vectorize([int64(int64)])\ndef g(x):\n    return x + 1\n"
    "print(g(np.array([6]))[0])",
}
ABSENT = ("sortedcontainers", "bitarray", "more_itertools", "gmpy2", "torch")


@pytest.fixture(params=["docker_sandbox", "process_sandbox"])
def any_sandbox(request):
    return request.getfixturevalue(request.param)


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize("judge", ["lcb", "stdio"])
def test_packages_work_and_others_are_absent(any_sandbox, judge):
    programs = {**PROGRAMS, **{name: f"import {name}\nprint(7)" for name in ABSENT}}
    judged = judge_programs(
        [Program(name, 0, source) for name, source in programs.items()],
        lambda name: ProblemTests(name, (b"",), ("7",), 1, None),
        judge=judge,
        sandbox=any_sandbox,
    )
    verdicts = {verdict.question_id: verdict.verdict.name for verdict in judged}
    assert verdicts == dict.fromkeys(PROGRAMS, "AC") | dict.fromkeys(ABSENT, "RE")


def test_every_package_is_pinned_with_hashes():
    text = contents.PACKAGES.read_text("ascii").replace("\\\n", " ")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    assert {line[0].split("==")[0] for line in lines} == set(contents.packages())
    for name, *hashes in lines:
        assert hashes, name
        assert all(len(word.removeprefix("--hash=sha256:")) == 64 for word in hashes)
