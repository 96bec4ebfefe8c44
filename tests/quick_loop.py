"""``pytest --quick``: the unit tests, which start no process, open no connection and load no model.

Tests with one of the markers below, or with a fixture that starts something, are left out; so is every module that needs torch.
The rest is held to the promise: a test that breaks it fails and says which marker it lacks.
"""

import sys
from importlib.machinery import PathFinder

import pytest

LEFT_OUT = {"docker", "hf", "lcb", "pretrained", "process", "slow", "vllm"}
"""Markers of tests that need more than this interpreter."""

STARTING = {"as_nobody", "docker_sandbox", "process_sandbox"}
"""Fixtures that start processes; a fixture of one folder alone is not listed, its tests are marked."""

LIBRARIES = ("torch", "transformers", "trl", "vllm")
"""Libraries that load models; in the quick loop they are missing, installed or not."""

EVENTS = {
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "socket.connect",
    "subprocess.Popen",
}
"""Audit events of the interpreter that a unit test does not cause."""


def pytest_addoption(parser):
    """Add ``--quick``."""
    parser.addoption(
        "--quick", action="store_true", help="run the unit tests alone: no process, no connection, no model"
    )


def pytest_configure(config):
    """Hide the libraries and start to watch."""
    if config.getoption("--quick"):
        sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutLibraries
        watch = Watch()
        sys.addaudithook(watch.audit)
        config.pluginmanager.register(watch, "quick loop")


class WithoutLibraries(PathFinder):
    """Find every module but the libraries. ``None`` in ``sys.modules`` would not do: scipy looks at what is there."""

    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        """Return None for a library, which ends its import in a ModuleNotFoundError."""
        return None if fullname.partition(".")[0] in LIBRARIES else super().find_spec(fullname, path, target)


class NotQuick(Exception):
    """A unit test tried to start a process or to open a connection."""


class Watch:
    """Leaves out what is not quick, and fails each other test that starts something."""

    def __init__(self):
        self.events = None
        """What the test of the moment started; None between tests."""

    def audit(self, event, arguments):
        """Note and refuse an event that no unit test may cause."""
        if self.events is not None and event in EVENTS:
            self.events.append(f"{event} {arguments[0]}" if arguments else event)
            raise NotQuick(self.events[-1])

    def pytest_collection_modifyitems(self, config, items):
        """Deselect the tests that start something or need more than this interpreter."""
        quick, others = [], []
        for item in items:
            marked = LEFT_OUT.intersection(marker.name for marker in item.iter_markers())
            # Some fixtures take another one's name as their parameter.
            parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
            fixtures = {*item.fixturenames, *(value for value in parameters if isinstance(value, str))}
            (others if marked or STARTING & fixtures else quick).append(item)
        items[:] = quick
        config.hook.pytest_deselected(items=others)

    def _phase(self):
        self.events = []
        try:
            result = yield
        finally:
            events, self.events = self.events, None
            if events:
                pytest.fail(f"mark this test `process`: it causes {', '.join(events)}", pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item):
        """Watch the fixtures of a test."""
        return (yield from self._phase())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        """Watch a test."""
        return (yield from self._phase())
