"""What stands below lm-eval's table: what was evaluated, where the files are, and commands that run when pasted."""

import json
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest

from ssd_harness.harness import patches
from ssd_harness.harness.evaluation_request import EvaluationRequest
from ssd_harness.harness.patches import final_summary
from ssd_harness.harness.run_context import RunContext

TASK = "livecodebench_mini"
ABOUT = {
    "base": {"name": "org/base"},
    "checkpoint": None,
    "fingerprint": None,
    "model": "org/base",
    "generations": {
        "decoding": {TASK: {"temperature": 0.7, "top_k": None, "top_p": 0.8, "max_new_tokens": 512, "seed": 1}}
    },
}


def request(**changes):
    fields = {"tasks": (TASK,), "own_tasks": (TASK,), "own_model": True, "model_args": {"pretrained": "org/base"}}
    return EvaluationRequest(**fields | changes)


@pytest.fixture
def shown(capsys, monkeypatch):
    def shown(asked, about=ABOUT, date="now", samples=True, words=("--model_args", "pretrained=org/base,rounds=0")):
        monkeypatch.setattr("sys.argv", ["lm_eval", *words])
        results = {"config": {"ssd": about}, **({"samples": {}} if samples else {})}
        context = RunContext(asked)
        final_summary.record(context, results, SimpleNamespace(date_id=date))
        final_summary.show(context.command.finished)
        return capsys.readouterr().err.splitlines()

    return shown


def test_without_an_output_path_it_says_how_to_get_the_files(shown):
    assert shown(request()) == [
        "ssd-harness: evaluated: org/base, as it is",
        f"ssd-harness: decoding of {TASK}: temperature 0.7, top_k none, top_p 0.8, max_gen_toks 512",
        "ssd-harness: no file was written: --output_path OUT --log_samples writes them, quickly if the same command runs again",
    ]


def test_without_samples_it_says_how_to_get_them(shown, tmp_path):
    (tmp_path / "results_now.json").write_text("{}")
    lines = shown(request(output_path=str(tmp_path)), samples=False)
    assert lines[2:] == [
        f"ssd-harness: results: {tmp_path}/results_now.json",
        "ssd-harness: no samples were written, which a comparison needs: add --log_samples",
    ]


def test_predictions_are_to_be_scored_next(shown, tmp_path):
    folder = tmp_path / "a  b"
    folder.mkdir()
    (folder / f"samples_{TASK}_now.jsonl").write_text("{}")
    asked = request(output_path=str(folder), predict_only=True, metadata={"judge": "stdio"})
    (line,) = shown(asked)[3:]
    command = shlex.split(line.partition("next: ")[2])
    assert command[:3] == ["ssd-harness", "score", str(folder / f"samples_{TASK}_now.jsonl")]
    assert command[3:] == [
        *("--release", "mini", "--window", "all", "--judge", "stdio"),
        *("--out", str(folder / f"scored_{TASK}")),
    ]


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (
            ("run", "--model_args=pretrained=org/base,rounds=0", "--limit", "3"),
            "--model_args pretrained=org/base --limit 3",
        ),
        (
            ("run", "-a", "pretrained=org/base", "rounds=0", "--limit", "3"),
            "--model_args pretrained=org/base --limit 3",
        ),
        (("run", "--config", "c.yaml"), None),
    ],
)
def test_the_other_run_has_the_same_options(shown, tmp_path, words, command):
    (tmp_path / f"samples_{TASK}_now.jsonl").write_text("{}")
    asked = request(output_path=str(tmp_path), model_args={"pretrained": "org/base", "rounds": 0})
    lines = shown(asked, words=words)
    commands = [line.partition("next: ")[2] for line in lines if "next: " in line]
    assert commands == ([f"lm_eval run {command}"] if command else [])


def test_a_surprise_is_a_warning_and_no_error(shown, monkeypatch):
    warnings = []
    monkeypatch.setattr(patches, "step_aside", lambda what, error: warnings.append((what, type(error))))
    shown(request(), about={**ABOUT, "generations": None})
    assert warnings == [("cannot summarize the evaluation", TypeError)]


def lines_of(done):
    """Return our lines by what stands before their colon."""
    ours = [line.split(": ", 2)[1:] for line in done.stderr.splitlines() if line.startswith("ssd-harness: ")]
    return dict(words for words in ours if len(words) == 2)


@pytest.mark.hf
@pytest.mark.slow
@pytest.mark.docker
@pytest.mark.usefixtures("docker_sandbox")
def test_the_commands_run_as_they_are_pasted(run, tmp_path):
    prompt = {"prompt": "Print 1.", "starter_code": ""}
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(prompt | {"prompt": f"Print {n}."}) + "\n" for n in range(4)))
    fields = "pretrained=demo,prompts=p.jsonl,filter=none,steps=2,batch_size_train=2,max_new_tokens_train=24"
    words = ["--model", "ssd-hf", "--model_args", fields, "--tasks", TASK, "--limit", "2"]
    done = run("-m", "lm_eval", *words, "--metadata", '{"repeats": 2}', "--output_path", "o u t", "--log_samples")
    assert done.returncode == 0, done.stderr
    lines = lines_of(done)
    name, folder = lines["checkpoint"].split(" in ")
    assert (Path(folder) / "ssd_manifest.json").is_file()
    assert folder.endswith(name.removeprefix("ssd:"))
    files = [tmp_path / file for file in lines["results"].split(", ")]
    assert [file.name.partition("_")[0] for file in files] == ["results", "samples"]
    assert all(file.is_file() for file in files)
    assert "temperature 1.4, top_k 20" in lines[f"decoding of {TASK}"]

    def paste(line):
        program, *words = shlex.split(line)
        return run("-m", program.replace("-", "_"), *words)

    alone = paste(lines["intervals"])
    assert (alone.returncode, "over 2 problems" in alone.stdout) == (0, True), alone.stderr
    base = paste(lines["to compare with the base, next"])
    assert base.returncode == 0, base.stderr
    lines = lines_of(base)
    assert lines["evaluated"] == "demo, as it is"
    both = paste(lines["compare"])
    assert both.returncode == 0, both.stderr
    assert [line.split()[0] for line in both.stdout.splitlines()[2:4]] == ["base", "ssd"]
