import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_harness.sandbox.interface import Runner, Status
from ssd_harness.sandbox.worker import protocol
from ssd_harness.sandbox.worker.protocol import End, FrameBuffer, Outcome, ProtocolError, Request

u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
seconds = st.floats(0, 1e6)
requests = st.builds(
    Request,
    runner=st.sampled_from(protocol.RUNNERS),
    inputs=u32,
    cpu_s=seconds,
    wall_s=seconds,
    grace_s=seconds,
    memory=u64,
    output=u64,
    processes=u32,
    tests=st.lists(u32, max_size=20).map(tuple),
    entry=st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    program=st.binary(max_size=200),
)
outcomes = st.builds(
    Outcome,
    test=u32,
    status=st.sampled_from(protocol.STATUSES),
    cpu_s=seconds,
    wall_s=seconds,
    peak=u64,
    message=st.binary(max_size=protocol.MAX_MESSAGE),
    output=st.binary(max_size=300),
)


def test_the_tables_mirror_the_contracts():
    assert tuple(status.value for status in Status) == protocol.STATUSES
    assert tuple(runner.value for runner in Runner) == protocol.RUNNERS
    assert set(protocol.RUNNERS) > protocol.TEST_RUNNERS


@given(requests)
def test_a_request_survives_the_trip(request_):
    assert Request.decode(request_.encode()) == request_


@given(outcomes, u32)
def test_an_outcome_survives_the_trip(outcome, job):
    buffer = FrameBuffer()
    buffer.feed(b"".join(outcome.frame(job)))
    kind, number, payload = buffer.frame()
    assert (kind, number) == (protocol.OUTCOME, job)
    assert Outcome.decode(payload) == outcome


@given(st.builds(End, seconds, seconds, u64, st.booleans()))
def test_an_end_survives_the_trip(end):
    buffer = FrameBuffer()
    buffer.feed(end.frame(7))
    assert End.decode(buffer.frame()[2]) == end


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
            for decode in (Request.decode, Outcome.decode, End.decode):
                with contextlib.suppress(ProtocolError):
                    decode(frame[2])
    except ProtocolError:
        pass


@given(st.binary(max_size=100))
def test_broken_payloads_are_protocol_errors(payload):
    for decode in (Request.decode, Outcome.decode, End.decode):
        with contextlib.suppress(ProtocolError):
            decode(payload)


@pytest.mark.parametrize("kind", protocol.BOUNDS)
def test_a_length_over_the_bound_is_refused_before_it_is_waited_for(kind):
    buffer = FrameBuffer()
    buffer.feed(protocol.HEADER.pack(kind, 0, protocol.BOUNDS[kind] + 1))
    with pytest.raises(ProtocolError):
        buffer.frame()


def test_a_message_longer_than_its_bound_is_cut():
    outcome = Outcome(0, "done", 0.0, 0.0, 0, b"x" * 10_000, b"out")
    buffer = FrameBuffer()
    buffer.feed(b"".join(outcome.frame(1)))
    got = Outcome.decode(buffer.frame()[2])
    assert got.message == b"x" * protocol.MAX_MESSAGE
    assert got.output == b"out"


def test_inputs_over_the_bound_are_refused():
    with pytest.raises(ProtocolError):
        protocol.load_header(1, [protocol.MAX_INPUTS])


def test_a_load_header_counts_its_index():
    header = protocol.load_header(3, [5, 0, 7])
    assert protocol.HEADER.unpack_from(header) == (protocol.LOAD, 3, 4 + 3 * 8 + 12)
    assert struct.unpack_from("<I3Q", header, protocol.HEADER.size) == (3, 5, 0, 7)
