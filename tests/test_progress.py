import io
from types import SimpleNamespace

import pytest

from ssd_harness import progress
from ssd_harness.progress import ProgressLine, share


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_a_terminal_sees_one_line_that_ends_complete():
    stream = Terminal()
    with ProgressLine("scoring", 3, stream) as line:
        for _ in range(3):
            line.advance()
    assert stream.getvalue().count("\n") == 1
    assert "scoring: 3 of 3" in stream.getvalue().split("\r")[-1]


def test_a_pipe_sees_nothing():
    stream = io.StringIO()
    with ProgressLine("scoring", 1, stream) as line:
        line.advance()
    assert stream.getvalue() == ""


def test_nothing_to_do_is_no_division_by_zero():
    stream = Terminal()
    with ProgressLine("scoring", 0, stream) as line:
        line.advance(0)


def test_a_pipe_gets_a_line_now_and_then(clock):
    stream = io.StringIO()
    with ProgressLine("scoring", 100, stream) as line:
        for seconds in (10.0, 30.0, 10.0, 30.0):
            clock.now += seconds
            line.advance(20)
    assert stream.getvalue().splitlines() == [
        "scoring: 40 of 100, 40 s, 1.0 a second, about 60 s left",
        "scoring: 80 of 100, 80 s, 1.0 a second, about 20 s left",
    ]


def test_the_first_moments_promise_nothing():
    stream = Terminal()
    with ProgressLine("scoring", 1000, stream) as line:
        line.advance(0)
        line.advance()
    assert "left" not in stream.getvalue()


def test_what_was_there_before_says_nothing_about_the_rate(clock):
    stream = io.StringIO()
    with ProgressLine("scoring", 1000, stream) as line:
        clock.now += 1
        line.skip(900)
        clock.now += 39
        line.advance(20)
    assert stream.getvalue() == "scoring: 920 of 1,000, 40 s, 30.0 a minute, about 3 min left\n"


def test_a_log_ends_with_the_last_state_once_it_has_a_line(clock):
    stream = io.StringIO()
    with ProgressLine("scoring", 50, stream) as line:
        clock.now += 40
        line.advance(40)
        clock.now += 10
        line.advance(10)
    assert stream.getvalue().splitlines() == [
        "scoring: 40 of 50, 40 s, 1.0 a second, about 10 s left",
        "scoring: 50 of 50, 50 s, 1.0 a second",
    ]


def test_a_delayed_line_is_not_drawn_for_a_short_loop(clock):
    stream = Terminal()
    with ProgressLine("prompts", 2, stream, delay=2.0) as line:
        line.advance()
        clock.now += 1
        line.advance()
    assert stream.getvalue() == ""


def test_without_a_total_the_line_counts(clock):
    stream = io.StringIO()
    with ProgressLine("prompts", None, stream) as line:
        clock.now += 40
        line.advance(1234)
    assert stream.getvalue() == "prompts: 1,234\n"


@pytest.mark.parametrize(
    ("done", "total", "here", "elapsed", "words"),
    [
        (0, 100, 0, 50, "0 of 100, 50 s"),
        (1, 100, 1, 0.001, "1 of 100"),
        (1, 100, 1, 1.9, "1 of 100, 2 s"),
        (99, 100, 99, 10, "99 of 100, 10 s, 9.9 a second"),
        (2, 10, 2, 7200, "2 of 10, 2.0 h, 1.0 an hour, about 8.0 h left"),
        (10, 10, 10, 20, "10 of 10, 20 s, 30.0 a minute"),
    ],
)
def test_words(done, total, here, elapsed, words):
    assert share(done, total, here=here, elapsed=elapsed) == words
