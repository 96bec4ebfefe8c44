import io

from ssd_harness.lcb.progress import ProgressLine


class Terminal(io.StringIO):
    def isatty(self):
        return True


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


def test_a_pipe_gets_a_line_now_and_then(monkeypatch):
    stream, now = io.StringIO(), iter([0.0, 10.0, 40.0, 50.0, 80.0])
    monkeypatch.setattr("ssd_harness.lcb.progress.time.monotonic", lambda: next(now))
    with ProgressLine("scoring", 100, stream) as line:
        for _ in range(4):
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
