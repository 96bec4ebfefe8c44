import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_harness.sandbox.worker.inputs import Inputs, SealedFile
from ssd_harness.sandbox.worker.protocol import HEADER, load_header


def loaded(blobs, piece=1 << 20):
    payload = load_header(1, [len(blob) for blob in blobs])[HEADER.size :] + b"".join(blobs)
    inputs = Inputs(len(payload))
    for start in range(0, len(payload), piece):
        inputs.feed(payload[start : start + piece])
    return inputs


@given(st.lists(st.binary(max_size=60), max_size=8), st.integers(1, 40))
def test_inputs_come_out_as_they_went_in_however_they_are_cut(blobs, piece):
    inputs = loaded(blobs, piece)
    assert inputs.remaining == 0
    assert [inputs.file.read(length, offset) for offset, length in inputs.sections] == blobs
    inputs.drop()


def test_an_index_that_promises_more_than_came_is_refused():
    header = load_header(1, [10])[HEADER.size :]
    inputs = Inputs(len(header) + 3)
    with pytest.raises(ValueError, match="index"):
        inputs.feed(header + b"abc")


def test_an_index_without_end_is_refused():
    inputs = Inputs(6)
    with pytest.raises(ValueError, match="index"):
        inputs.feed(b"\xff\xff\xff\xff\0\0")


def test_nobody_can_change_a_sealed_file():
    file = SealedFile()
    file.write(b"input")
    file.seal()
    with pytest.raises(PermissionError):
        file.write(b"more")
    fd = file.open()
    try:
        for change in (
            lambda: os.write(fd, b"x"),
            lambda: os.ftruncate(fd, 0),
            lambda: os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_TRUNC),
        ):
            with pytest.raises(OSError, match=r"."):
                change()
        assert os.read(fd, 10) == b"input"
    finally:
        os.close(fd)
        file.close()


def test_each_program_has_an_offset_of_its_own():
    file = SealedFile()
    file.write(b"input")
    file.seal()
    first, second = file.open(), file.open()
    assert os.read(first, 3) == b"inp"
    assert os.read(second, 3) == b"inp"
    for fd in (first, second):
        os.close(fd)
    file.close()


def test_dropped_inputs_live_as_long_as_a_queued_job_uses_them():
    inputs = loaded([b"a"])
    inputs.users += 1
    inputs.drop()
    assert inputs.file.read(1, 0) == b"a"
    inputs.release()
    with pytest.raises(OSError, match="Bad file descriptor"):
        inputs.file.read(1, 0)
