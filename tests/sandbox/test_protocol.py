import contextlib
import struct
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_harness.sandbox import interface
from ssd_harness.sandbox.worker import protocol
from ssd_harness.sandbox.worker.protocol import FrameBuffer, Job, JobEnd, Limits, ProtocolError, Status, TestOutcome

u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
seconds = st.floats(0, 1e6)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
limits = st.builds(
    Limits,
    cpu_s=seconds,
    wall_s=seconds,
    grace_s=seconds,
    memory=u64,
    output=st.integers(0, protocol.MAX_OUTPUT),
    processes=u32,
)
jobs = st.builds(
    Job,
    program=st.binary(max_size=200),
    runner=st.sampled_from(protocol.Runner),
    inputs=u32,
    tests=st.lists(u32, max_size=20).map(tuple),
    entry=text,
    limits=limits,
)
outcomes = st.builds(
    TestOutcome,
    job=u32,
    test=u32,
    status=st.sampled_from(Status),
    output=st.binary(max_size=300),
    cpu_s=seconds,
    wall_s=seconds,
    peak=u64,
    message=text,
)
ends = st.builds(JobEnd, u32, seconds, seconds, u64, st.booleans())


DECODERS = (Job.decode, partial(TestOutcome.decode, 0), partial(JobEnd.decode, 0))


def test_both_sides_share_one_definition_of_what_crosses_the_border():
    for name in ("Job", "JobEnd", "Limits", "Runner", "Status", "TestOutcome"):
        assert getattr(interface, name) is getattr(protocol, name)
    assert set(protocol.RUNNERS) > protocol.TEST_RUNNERS


def test_the_wire_format_is_the_order_of_the_names():
    assert protocol.STATUSES == (
        "done", "exception", "compile", "load", "cpu", "wall", "memory", "output", "signal"
    )  # fmt: skip
    assert protocol.RUNNERS == ("lcb_stdin", "lcb_functional", "stdio", "stdio_functional")


@given(jobs)
def test_a_job_survives_the_trip(job):
    assert Job.decode(job.encode()) == job


def test_an_output_limit_over_the_bound_of_a_frame_is_lowered():
    job = Job(b"", protocol.Runner.STDIO, 1, (0,), limits=Limits(output=protocol.MAX_OUTPUT + 1))
    assert Job.decode(job.encode()).limits.output == protocol.MAX_OUTPUT


@given(outcomes)
def test_an_outcome_survives_the_trip(outcome):
    buffer = FrameBuffer()
    buffer.feed(b"".join(outcome.frame()))
    kind, number, payload = buffer.frame()
    assert kind == protocol.OUTCOME
    assert TestOutcome.decode(number, payload) == outcome


@given(ends)
def test_an_end_survives_the_trip(end):
    buffer = FrameBuffer()
    buffer.feed(end.frame())
    kind, number, payload = buffer.frame()
    assert kind == protocol.END
    assert JobEnd.decode(number, payload) == end


@given(st.lists(st.tuples(st.sampled_from([protocol.JOB, protocol.OUTCOME]), u32, st.binary(max_size=50))), st.data())
def test_frames_survive_being_cut_anywhere(frames, data):
    stream = b"".join(protocol.frame(*frame) for frame in frames)
    buffer, got = FrameBuffer(), []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        buffer.feed(stream[:cut])
        stream = stream[cut:]
        while (frame := buffer.frame()) is not None:
            got.append(frame)
    assert got == frames


@given(st.binary(max_size=200))
def test_nonsense_is_a_protocol_error_or_incomplete(data):
    buffer = FrameBuffer()
    buffer.feed(data)
    try:
        while (frame := buffer.frame()) is not None:
            for decode in DECODERS:
                with contextlib.suppress(ProtocolError):
                    decode(frame[2])
    except ProtocolError:
        pass


@given(st.binary(max_size=100))
def test_broken_payloads_are_protocol_errors(payload):
    for decode in DECODERS:
        with contextlib.suppress(ProtocolError):
            decode(payload)


@pytest.mark.parametrize("kind", protocol.BOUNDS)
def test_a_length_over_the_bound_is_refused_before_it_is_waited_for(kind):
    buffer = FrameBuffer()
    buffer.feed(protocol.HEADER.pack(kind, 0, protocol.BOUNDS[kind] + 1))
    with pytest.raises(ProtocolError):
        buffer.frame()


def test_a_message_longer_than_its_bound_is_cut():
    outcome = TestOutcome(1, 0, Status.DONE, b"out", 0.0, 0.0, 0, "x" * 10_000)
    buffer = FrameBuffer()
    buffer.feed(b"".join(outcome.frame()))
    got = TestOutcome.decode(1, buffer.frame()[2])
    assert got.message == "x" * protocol.MAX_MESSAGE
    assert got.output == b"out"


def test_inputs_over_the_bound_are_refused():
    with pytest.raises(ProtocolError):
        protocol.load_header(1, [protocol.MAX_INPUTS])


def test_a_load_header_counts_its_index():
    header = protocol.load_header(3, [5, 0, 7])
    assert protocol.HEADER.unpack_from(header) == (protocol.LOAD, 3, 4 + 3 * 8 + 12)
    assert struct.unpack_from("<I3Q", header, protocol.HEADER.size) == (3, 5, 0, 7)
