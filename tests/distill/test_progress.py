import io
from types import SimpleNamespace

import pytest

from ssd_harness import progress


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_it_says_how_long_the_rest_takes_at_the_speed_of_this_run_alone(clock):
    stream = io.StringIO()
    report = progress.Reporter(stream, "sample")
    clock.now += 300  # the model is loaded
    report(500, 2000)  # what an earlier run had drawn
    clock.now += 60
    report(600, 2000, "1,234 tokens/s")
    clock.now += 840
    report(2000, 2000, "1,500 tokens/s")
    assert stream.getvalue().splitlines() == [
        "sample: 500 of 2,000",
        "sample: 600 of 2,000, 60 s, 1.7 a second, about 14 min left, 1,234 tokens/s",
        "sample: 2,000 of 2,000, 15 min, 1.7 a second, 1,500 tokens/s",
    ]


def test_it_does_not_say_more_than_anybody_reads_but_always_the_end(clock):
    stream = io.StringIO()
    report = progress.Reporter(stream, "sample")
    for done in range(101):
        clock.now += 0.01
        report(done, 100)
    assert 3 <= len(stream.getvalue().splitlines()) <= 8
    assert stream.getvalue().endswith("100 of 100\n")


def test_the_first_seconds_promise_nothing(clock):
    stream = io.StringIO()
    report = progress.Reporter(stream, "train")
    for done in range(8):
        report(done, 10_000)
        clock.now += 0.25
    assert "left" not in stream.getvalue()
    report(8, 10_000)
    assert stream.getvalue().endswith("train: 8 of 10,000, 2 s, 4.0 a second, about 42 min left\n")


def test_a_log_gets_a_line_every_30_seconds_and_the_last_one(clock):
    stream = io.StringIO()
    display = progress.StageDisplay(stream)
    for step in range(100):
        clock.now += 1
        display.show(f"train: {step}")
    display.finish()
    assert stream.getvalue().splitlines() == [f"ssd-harness: train: {step}" for step in (30, 60, 90, 99)]
