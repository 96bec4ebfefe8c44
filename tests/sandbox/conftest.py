import itertools

import pytest

from ssd_harness.sandbox.interface import Job, JobEnd, Limits, Runner

SANDBOXES = [pytest.param("docker_sandbox", marks=pytest.mark.docker), "process_sandbox"]


class Place:
    """A slot with a short way to run one program: ``place(program, inputs, runner, entry, **limits)``."""

    def __init__(self, slot):
        self.slot = slot
        self._numbers = itertools.count(1)

    def submit(self, program, inputs=(b"",), runner=Runner.STDIO, entry="", tests=None, **limits):
        """Load the inputs, submit, drop; return the job's number."""
        number = next(self._numbers)
        source = program if isinstance(program, bytes) else program.encode()
        self.slot.load(number, inputs)
        chosen = range(len(inputs)) if tests is None else tests
        job = Job(source, runner, number, chosen, entry, Limits(**{"cpu_s": 2.0, "wall_s": 10.0, **limits}))
        self.slot.submit(number, job)
        self.slot.drop(number)
        return number

    def collect(self, number):
        """Return the job's outcomes and its end."""
        outcomes = []
        while True:
            event = self.slot.receive()
            assert event.job == number
            if isinstance(event, JobEnd):
                return outcomes, event
            outcomes.append(event)

    def __call__(self, *arguments, **options):
        return self.collect(self.submit(*arguments, **options))


@pytest.fixture(scope="session")
def place_of():
    """Wrap a slot that a test opened itself."""
    return Place


@pytest.fixture(scope="module", params=SANDBOXES)
def sandbox(request):
    """Each of the two sandboxes in turn."""
    return request.getfixturevalue(request.param)


_shared: list[Place] = []
"""The slot that the tests of a module share, while there is one."""


@pytest.fixture(scope="module", autouse=True)
def _close_shared_slot():
    yield
    _close_shared()


@pytest.fixture(autouse=True)
def _hold_no_slot_while_opening_another(request):
    # Two test runs that hold a slot each and wait for one more would wait for ever.
    if "place" not in request.fixturenames:
        _close_shared()


def _close_shared():
    while _shared:
        _shared.pop().slot.close()


@pytest.fixture
def place(sandbox):
    """A slot that the tests of a module share: what one of them leaves behind, the next would notice."""
    if not _shared:
        _shared.append(Place(sandbox.open_slot()))
    yield _shared[0]
    if _shared and _shared[0].slot._open_jobs:
        # The test failed in the middle of a job; the others deserve a slot that answers them.
        _close_shared()
