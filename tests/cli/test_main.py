"""The command line as a user meets it: every command explains itself, failures are one line and an exit code."""

import argparse
import importlib
import os
import re
import shlex
import subprocess
import sys

import pytest

from ssd_harness.cli import main
from ssd_harness.errors import ExitCode, InfrastructureError, UsageError


def command(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "ssd_harness", *words], capture_output=True, text=True, timeout=120, **options
    )


@pytest.mark.process
def test_help_names_every_command_and_exit_code():
    shown = command("--help").stdout
    assert all(name in shown for name in main.COMMANDS)
    assert all(str(int(code)) in shown.partition("exit codes:")[2] for code in ExitCode)


@pytest.mark.process
@pytest.mark.parametrize("name", sorted(main.COMMANDS))
def test_every_command_has_its_module_and_help(name):
    module = importlib.import_module(main.module_of(name))
    assert callable(module.run)
    assert callable(module.add_arguments)
    if name != "eval":  # lm_eval's own help, tested with the patches
        done = command(name, "--help")
        assert done.returncode == 0, done.stderr
        assert f"ssd-harness {name}" in done.stdout


def helps():
    """Every parser of ours by the words that lead to it, each action of each command among them."""

    def below(parser, words):
        yield words, parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, child in action.choices.items():
                    yield from below(child, (*words, name))

    yield (), main.parser()
    for name in main.COMMANDS:
        commands = next(action for action in main.parser(name)._actions if action.dest == "command")
        yield from below(commands.choices[name], (name,))


def examples():
    """Every command line that a help text shows: words behind two spaces, up to a remark behind two more."""
    for words, parser in helps():
        section = (parser.epilog or "").partition("examples:\n" if words else "first steps:\n")[2].split("\n\n")[0]
        for line in section.splitlines():
            if line.startswith("  "):
                yield words, re.split(r" {2,}", line.strip())[0]


@pytest.mark.parametrize("words", [words for words, _ in helps()], ids=" ".join)
def test_every_help_has_examples_of_its_own_command(words):
    assert any(
        line.split()[: 1 + len(words)] == ["ssd-harness", *words] for shown, line in examples() if shown == words
    )


@pytest.mark.process
def test_lm_evals_help_is_followed_by_examples_of_ours():
    shown = command("eval", "--help").stdout
    assert "usage: lm-eval" in shown
    assert "examples:\n  ssd-harness eval --model ssd-hf" in shown


@pytest.mark.parametrize("line", sorted({line for _, line in examples()}))
def test_what_a_help_text_shows_is_a_command(line, monkeypatch):
    from ssd_harness.cli.fields import overrides_of
    from ssd_harness.recipe.resolution import resolve

    program, *words = shlex.split(re.sub(r"\$\([^)]*\)", "FOLDER", line))
    if program == "ssd-harness" and words[0] != "eval":
        parsed = main.parse(words, words[0])
        fields = overrides_of(getattr(parsed, "fields", []))
        resolve("MODEL", {name: value for name, value in fields.items() if name not in {"name", "revision"}})
        return
    from lm_eval._cli.harness import HarnessCLI

    assert program == "lm_eval" or words.pop(0) == "eval"
    monkeypatch.setattr(sys, "argv", ["lm_eval", *words])
    assert HarnessCLI().parse_args().command in {"run", "ls"}


@pytest.mark.process
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
    from ssd_harness.cli import doctor

    def fail(arguments):
        raise error

    monkeypatch.setattr(doctor, "run", fail)
    assert main.main(["doctor"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ssd-harness: ")
    assert err.count("\n") == 1


@pytest.fixture
def failing(monkeypatch, state):
    """Make ``ssd-harness doctor`` raise something that nobody foresaw; return its exit code."""
    from ssd_harness.cli import doctor

    def run(error):
        def fail(arguments):
            raise error

        monkeypatch.setattr(doctor, "run", fail)
        return main.main(["doctor"])

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


@pytest.mark.process
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


@pytest.mark.process
def test_a_terminal_without_unicode_ends_no_command(tmp_path):
    """doctor writes an arrow before each advice."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "SSD_HARNESS_HOME": str(tmp_path / "home")}
    environment["SSD_LCB_DATA"] = str(tmp_path / "nowhere")
    done = command("doctor", env=environment)
    assert "UnicodeEncodeError" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "\\u2192" in done.stdout
