"""The command line as a user meets it: every command explains itself, failures are one line and an exit code."""

import importlib
import os
import subprocess
import sys

import pytest

from ssd_harness import cli
from ssd_harness.errors import ExitCode, InfrastructureError, UsageError


def command(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "ssd_harness", *words], capture_output=True, text=True, timeout=120, **options
    )


def test_help_names_every_command_and_exit_code():
    shown = command("--help").stdout
    assert all(name in shown for name in cli.COMMANDS)
    assert all(str(int(code)) in shown.partition("exit codes:")[2] for code in ExitCode)


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_command_has_its_module_and_help(name):
    module = importlib.import_module(cli.module_of(name))
    assert callable(module.run)
    assert callable(module.add_arguments)
    if name != "eval":  # lm_eval's own help, tested with the bridge
        done = command(name, "--help")
        assert done.returncode == 0, done.stderr
        assert f"ssd-harness {name}" in done.stdout


def examples():
    """Every command line of ours that a help text shows, as words."""
    texts = [("", cli.EPILOG)] + [
        (name, getattr(importlib.import_module(cli.module_of(name)), "_EXAMPLES", "")) for name in cli.COMMANDS
    ]
    lines = [line.strip().partition("  ")[0] for _, text in texts for line in text.splitlines()]
    return [line.removeprefix("ssd-harness ") for line in lines if line.startswith("ssd-harness ")]


@pytest.mark.parametrize("line", examples())
def test_what_a_help_text_shows_is_a_command(line):
    from ssd_harness.commands.fields import overrides_of
    from ssd_harness.recipes.resolution import resolve

    words = line.split()
    parsed = cli.parse(words, words[0])
    fields = overrides_of(getattr(parsed, "fields", []))
    resolve("MODEL", {name: value for name, value in fields.items() if name not in {"name", "revision"}})


@pytest.mark.parametrize("words", [(), ("nonsense",), ("doctor", "--nonsense")])
def test_bad_usage_is_exit_code_2(words):
    done = command(*words)
    assert done.returncode == ExitCode.USAGE
    assert "usage: ssd-harness" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no such thing", next_step="try another"), ExitCode.USAGE),
        (InfrastructureError("the disk is full", where="/there"), ExitCode.INFRASTRUCTURE),
        (KeyboardInterrupt(), 130),
    ],
)
def test_an_expected_failure_is_one_line(error, code, monkeypatch, capsys):
    from ssd_harness.commands import doctor

    def fail(arguments):
        raise error

    monkeypatch.setattr(doctor, "run", fail)
    assert cli.main(["doctor"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ssd-harness: ")
    assert err.count("\n") == 1


@pytest.fixture
def failing(monkeypatch, state):
    """Make ``ssd-harness doctor`` raise something that nobody foresaw; return its exit code."""
    from ssd_harness.commands import doctor

    def run(error):
        def fail(arguments):
            raise error

        monkeypatch.setattr(doctor, "run", fail)
        return cli.main(["doctor"])

    return run


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError("a\nb\x1b[31m"), RecursionError(), MemoryError(), OSError(5, "broken"), ValueError("\ud800")],
)
def test_an_unexpected_failure_is_one_line_with_the_path_of_its_traceback(failing, state, capsys, error):
    assert failing(error) == ExitCode.INFRASTRUCTURE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"ssd-harness: error: unexpected {type(error).__name__}")
    assert err.count("\n") == 1
    assert "\x1b" not in err
    (log,) = (state / "logs").iterdir()
    assert str(log) in err
    assert "in fail" in log.read_text("utf-8")
    assert "Traceback" in log.read_text("utf-8")


def test_the_traceback_is_shown_on_request(failing, monkeypatch, capsys):
    monkeypatch.setenv("SSD_HARNESS_DEBUG", "1")
    assert failing(ZeroDivisionError()) == ExitCode.INFRASTRUCTURE
    assert "in fail" in capsys.readouterr().err


def test_a_state_folder_that_cannot_be_written_does_not_hide_the_failure(failing, state, tmp_path, monkeypatch, capsys):
    (tmp_path / "home").write_text("a file")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert failing(ZeroDivisionError()) == ExitCode.INFRASTRUCTURE
    (log,) = tmp_path.glob("ssd-harness-*.txt")
    assert str(log) in capsys.readouterr().err


def test_a_reader_that_leaves_early_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m ssd_harness doctor | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        timeout=120,
        executable="/bin/bash",
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_message_is_one_line_whatever_is_in_it():
    assert "\n" not in str(UsageError("two\nlines", where="a\nb", next_step="c\nd"))


def test_a_terminal_without_unicode_ends_no_command(tmp_path):
    """doctor writes an arrow before each advice."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "SSD_HARNESS_HOME": str(tmp_path / "home")}
    environment["SSD_LCB_DATA"] = str(tmp_path / "nowhere")
    done = command("doctor", env=environment)
    assert "UnicodeEncodeError" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "\\u2192" in done.stdout
