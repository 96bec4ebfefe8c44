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
