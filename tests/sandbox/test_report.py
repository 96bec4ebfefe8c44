import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_harness.sandbox.worker.protocol import MAX_MESSAGE, STATUSES
from ssd_harness.sandbox.worker.report import BrokenReport, Loaded, Report, ReportReader, TestEnded, Tests

ends = st.tuples(
    st.integers(0, 1000),
    st.sampled_from(STATUSES),
    st.binary(max_size=200),
    st.text(max_size=50).filter(str.isprintable),
)


def written(write):
    """Return the bytes that ``write(report)`` sends."""
    reading, writing = os.pipe()
    data = bytearray()

    def read():
        while piece := os.read(reading, 1 << 16):
            data.extend(piece)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        write(Report(writing))
    finally:
        os.close(writing)
        thread.join()
        os.close(reading)
    return bytes(data)


@given(st.lists(ends, max_size=5), st.integers(1, 30))
def test_reports_survive_being_cut_anywhere(sent, piece):
    def write(report):
        report.loaded()
        for position, status, output, message in sent:
            report.end(position, status, output, message)

    stream, reader, got = written(write), ReportReader(1000), []
    for start in range(0, len(stream), piece):
        reader.feed(stream[start : start + piece])
        while (report := reader.next()) is not None:
            got.append(report)
    expected = [TestEnded(position, status, message.encode(), output) for position, status, output, message in sent]
    assert got == [Loaded(), *expected]


def test_an_output_larger_than_the_pipe_arrives_whole():
    output = os.urandom(3_000_000)
    reader = ReportReader(4_000_000)
    reader.feed(written(lambda report: report.end(2, "done", output)))
    assert reader.next() == TestEnded(2, "done", b"", output)


def test_a_long_message_is_cut():
    reader = ReportReader(10)
    reader.feed(written(lambda report: report.end(0, "exception", b"", "é" * 9_000)))
    assert len(reader.next().message) == MAX_MESSAGE


@given(st.binary(max_size=300))
def test_hostile_bytes_break_the_report_and_nothing_else(data):
    reader = ReportReader(100)
    reader.feed(data)
    try:
        for _ in range(50):
            if reader.next() is None:
                break
    except BrokenReport:
        pass


def test_an_output_over_the_limit_is_told_before_it_is_read():
    reader = ReportReader(99)
    reader.feed(written(lambda report: report.end(1, "done", b"x" * 100))[:30])
    assert reader.next() == TestEnded(1, "output", b"", b"")


def test_the_position_follows_the_tests():
    reading, writing = os.pipe()
    report = Report(writing)
    report.begin(0)
    report.end(0, "done", b"")
    assert report.position == 1
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        report.end(1, "done", b"")
    os.close(writing)


def test_tests_are_read_by_section(tmp_path):
    path = tmp_path / "inputs"
    path.write_bytes(b"onetwothree")
    fd = os.open(path, os.O_RDONLY)
    tests = Tests(fd, [(6, 5), (0, 3)])
    assert len(tests) == 2
    assert [tests.read(0), tests.read(1)] == [b"three", b"one"]
    os.close(fd)
