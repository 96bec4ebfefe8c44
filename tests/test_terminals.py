"""Every command where the terminal and the locale know ASCII alone: nothing ends in a UnicodeEncodeError."""

import argparse
import json
import os
import subprocess
import sys

import pytest

from ssd_harness.artifacts.registry import register
from ssd_harness.cli import main

ASCII = {
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONIOENCODING": "ascii",
    "HF_HUB_OFFLINE": "1",
}
DRIVER = """
import json, os, sys
from ssd_harness.cli.main import main

stdout = sys.stdout
for words in json.loads(sys.argv[1]):
    words = [os.fsdecode(word.encode()) for word in words]  # as the interpreter reads a command line
    print("command", *words, file=sys.stderr)
    try:
        code = main(words)
    except SystemExit as end:
        code = end.code or 0
    assert sys.stdout is stdout
    print("code", int(code), file=sys.stderr, flush=True)
"""
STRANGE = "π→é"


def leaves(parser, words):
    """Return the words of every command that the parser knows."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        return [tuple(words)]
    return [
        leaf for action in below for name, child in action.choices.items() for leaf in leaves(child, [*words, name])
    ]


def every_command():
    found = []
    for command in main.COMMANDS:
        (choices,) = [a.choices for a in main.parser(command)._actions if isinstance(a, argparse._SubParsersAction)]
        found += leaves(choices[command], [command])
    return found


def environment(tmp_path, **more):
    return {**os.environ, **ASCII, "SSD_HARNESS_HOME": str(tmp_path / "home"), **more}


def run_all(tmp_path, commands, **more):
    """Run all commands in one process; return their exit codes and what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, json.dumps([[str(word) for word in words] for words in commands])],
        capture_output=True,
        cwd=tmp_path,
        env=environment(tmp_path, **more),
    )
    out, said = done.stdout.decode("ascii"), done.stderr.decode("ascii")
    assert done.returncode == 0, said
    assert "UnicodeEncodeError" not in out + said
    assert "UnicodeDecodeError" not in out + said
    return [int(line.split()[1]) for line in said.splitlines() if line.startswith("code ")], out, said


@pytest.fixture
def files(tmp_path, state, lcb_rows):
    """A checkpoint, verdicts, prompts and data whose names and contents are not ASCII."""
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"w")
    (folder / "config.json").write_text("{}")
    register("mine", folder, {"fingerprint": "ab" * 32, "base": {"name": STRANGE, "weights": "w"}, "prompts": {}})
    verdict = {"question_id": STRANGE, "sample": 0, "verdict": "AC", "passed": True, "difficulty": "easy"}
    lcb_rows.write(tmp_path / STRANGE / "verdicts.jsonl", [verdict])
    lcb_rows.write(tmp_path / "prompts.jsonl", [{"prompt": f"print {STRANGE}"}])
    lcb_rows.write(tmp_path / "data" / "test6.jsonl", [lcb_rows.make("add", question_title=STRANGE)])
    lcb_rows.write(tmp_path / "samples.jsonl", [{"question_id": STRANGE, "code": f"# {STRANGE}"}])
    return tmp_path


LINES = {
    ("distill",): (("demo", "prompts=prompts.jsonl", "filter=none", "--dry-run"), 0),
    ("score",): (("samples.jsonl", "--data", "data", "--release", "test6", "--out", "out"), 2),
    ("sweep",): (("demo", "--tasks", STRANGE, "--preset", "grid"), 2),
    ("export",): ((STRANGE, "--format", "chat", "--out", "x.jsonl"), 2),
    ("import",): ((STRANGE, "--name", "new"), 2),
    ("compare",): ((f"{STRANGE}={STRANGE}",), 0),
    ("gate",): ((STRANGE, "--min", "pass@1=0"), 0),
    ("baseline",): ((STRANGE, "--out", f"{STRANGE}.json"), 0),
    ("recipe", "show"): (("demo",), 0),
    ("recipe", "list"): ((), 0),
    ("data",): (("verify", "--data", "data", "--release", "test6"), 3),
    ("cache", "list"): ((), 0),
    ("cache", "prune"): (("--dry-run",), 0),
    ("cache", "migrate"): ((), 0),
    ("models", "list"): ((), 0),
    ("models", "show"): (("mine",), 0),
    ("models", "rename"): (("mine", STRANGE), 2),
    ("models", "remove"): ((STRANGE,), 2),
    ("models", "push"): ((STRANGE, "me/it", "--dry-run"), 2),
    ("sandbox", "build"): ((STRANGE,), 2),
    ("sandbox", "check"): ((), 3),
    ("sandbox", "prune"): ((), 3),
    ("sandbox", "info"): ((), 3),
    ("doctor",): ((), 3),
}
"""Of every command a line to try and its exit code; `eval` has a test of its own."""


def test_there_is_a_line_for_every_command():
    assert set(LINES) == set(every_command()) - {("eval",)}


@pytest.mark.slow
@pytest.mark.hf
def test_every_command_ends_as_it_should(files):
    commands = [[*command, *words] for command, (words, _) in LINES.items()]
    codes, _, said = run_all(files, commands, DOCKER_HOST=f"unix:///nowhere/{STRANGE}.sock")
    assert dict(zip(LINES, codes, strict=True)) == {command: code for command, (_, code) in LINES.items()}, said


@pytest.mark.process
def test_every_help_is_shown(files):
    commands = [["--help"], *([*command, "--help"] for command in every_command() if command != ("eval",))]
    codes, out, _ = run_all(files, commands)
    assert codes == [0] * len(commands)
    assert out.count("usage: ssd-harness") >= len(commands)


@pytest.mark.docker
@pytest.mark.usefixtures("docker_sandbox")
def test_score_prints_its_table(files, lcb_rows):
    rows = [{"question_id": "add", "code": f"# {STRANGE}\nprint('{STRANGE}')"}, {"question_id": "add", "code": ""}]
    lcb_rows.write(files / "samples.jsonl", rows)
    codes, out, said = run_all(
        files, [["score", "samples.jsonl", "--data", "data", "--release", "test6", "--out", "out"]]
    )
    assert codes == [0], said
    assert "verdicts: 1 WA, 1 NO_CODE" in out


@pytest.mark.hf
@pytest.mark.slow
@pytest.mark.parametrize("program", [("lm_eval",), ("ssd_harness", "eval")])
def test_lm_eval_prints_its_table(files, program):
    words = ["--model", "ssd-hf", "--model_args", "pretrained=demo,rounds=0", "--tasks", "livecodebench_mini"]
    words += [
        "--limit",
        "1",
        "--predict_only",
        "--metadata",
        '{"repeats": 2}',
        "--output_path",
        STRANGE,
        "--log_samples",
    ]
    done = subprocess.run(
        [sys.executable, "-m", *program, *words], capture_output=True, cwd=files, env=environment(files)
    )
    out, said = done.stdout.decode("ascii"), done.stderr.decode("ascii")
    assert done.returncode == 0, said
    assert "|livecodebench_mini|" in out
    assert "\\xb1" in out
    assert "Traceback" not in said
    assert "ssd-harness: evaluated: demo, as it is" in said
    assert next(files.joinpath(STRANGE).rglob("results_*.json")).is_file()
