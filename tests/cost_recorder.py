"""``pytest --costs=FILE``: record what each test costs in wall time and in CPU time of this process and its children.

    pytest --costs=costs.jsonl tests/judge
    python tests/cost_recorder.py costs.jsonl

CPU time hardly depends on what else the machine does, so runs on a busy machine can be compared. Programs in containers are
not children of pytest: their CPU time is missing, their wall time is not.
"""

import json
import resource
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

PHASES = ("setup", "call", "teardown")


def pytest_addoption(parser):
    """Add the option that names the file."""
    parser.addoption("--costs", help="append the cost of each phase of each test to this file, as lines of JSON")


def _clock():
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic(), own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime


class Recorder:
    """Writes one line for each phase of a test."""

    def __init__(self, path):
        self.path = path

    def _phase(self, item, phase):
        before = _clock()
        try:
            return (yield)
        finally:
            wall, own, children = (after - start for after, start in zip(_clock(), before, strict=True))
            line = {"test": item.nodeid, "phase": phase, "wall": wall, "own": own, "children": children}
            with self.path.open("a") as stream:
                stream.write(json.dumps(line) + "\n")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item):
        """Time the fixtures that a test is the first to use."""
        return (yield from self._phase(item, "setup"))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        """Time the test itself."""
        return (yield from self._phase(item, "call"))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item):
        """Time what is taken down after a test."""
        return (yield from self._phase(item, "teardown"))


def pytest_configure(config):
    """Start recording if a file is named."""
    if path := config.getoption("--costs"):
        config.pluginmanager.register(Recorder(Path(path).absolute()), "costs")


def _print_largest(title, costs, count):
    print(f"{title}\n{'CPU s':>8} {'wall s':>8} {'n':>5}")
    for name, (cpu, wall, tests) in sorted(costs.items(), key=lambda entry: -max(entry[1][0], entry[1][1]))[:count]:
        print(f"{cpu:8.1f} {wall:8.1f} {tests:5} {name}")


def main(path, count=60):
    """Print the most expensive files and phases."""
    files, phases = defaultdict(lambda: [0.0, 0.0, 0]), defaultdict(lambda: [0.0, 0.0, 0])
    for line in Path(path).read_text().splitlines():
        cost = json.loads(line)
        for entry in files[cost["test"].partition("::")[0]], phases[f"{cost['phase']} {cost['test']}"], files["all"]:
            entry[0] += cost["own"] + cost["children"]
            entry[1] += cost["wall"]
            entry[2] += cost["phase"] == "call"
    _print_largest("files", files, count)
    _print_largest("phases", phases, count)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
