"""Neither the prompts nor the task need to be about code: a small math task, defined and stored outside of the package."""

import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("trl")

from ssd_harness.artifacts import registry
from ssd_harness.errors import UsageError
from ssd_harness.harness import patches

pytestmark = [pytest.mark.hf, pytest.mark.slow]

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "own-task.md"


def example():
    """Return the files of the guide's example by name, and its command, as a reader would copy them."""
    section = GUIDE.read_text().partition("## A whole example\n")[2].partition("\n## ")[0]
    files, command, name = {}, "", ""
    for block in section.split("\n\n"):
        if not block.startswith("    "):
            name = block.split("`")[1] if block.startswith("`") else ""
        elif name:
            files[name] = textwrap.dedent(block) + "\n"
        else:
            command = block.strip()
    return files, command


@pytest.fixture(scope="module")
def evaluated(tiny_model, tmp_path_factory):
    """One ordinary lm_eval command: the transform on math prompts, then the task; there is no Docker engine."""
    folder = tmp_path_factory.mktemp("math")
    files, command = example()
    (folder / "tasks").mkdir()
    for name, content in files.items():
        (folder / name).write_text(content)
    command = command.replace("=MODEL", f"={tiny_model}").replace("max_new_tokens_train=512", "max_new_tokens_train=16")
    program, *words = shlex.split(command.replace("--log_samples", "--log_samples --gen_kwargs max_gen_toks=24"))
    assert program == "lm_eval"
    environment = {
        **os.environ,
        "SSD_HARNESS_HOME": str(folder / "home"),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "lm_eval", *words],
        capture_output=True,
        text=True,
        timeout=400,
        cwd=folder,
        env={**environment, "DOCKER_HOST": "unix:///nowhere/docker.sock"},
    )
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(folder=folder, err=done.stderr)


def test_a_math_task_is_evaluated_after_the_transform(evaluated):
    (results,) = evaluated.folder.glob("out/**/results_*.json")
    found = json.loads(results.read_text())
    assert 0 <= found["results"]["word_problems"]["exact_match,number"] <= 1
    about = found["config"]["ssd"]
    assert about["transform"] == "made in this run"
    assert about["rounds"][0]["filter"]["kept"] == 4
    assert about["overlap"] == {"word_problems": {"problems": 3, "result": "none"}}
    assert "overlap with word_problems: none (3 problems)" in evaluated.err
    (samples,) = evaluated.folder.glob("out/**/samples_*.jsonl")
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    assert len(rows) == 3
    for row in rows:
        digits = re.findall("[0-9]+", row["resps"][0][0])
        assert row["filtered_resps"] == [digits[-1] if digits else "[invalid]"]


@pytest.fixture
def evaluate(evaluated, lm_eval_task, monkeypatch):
    """Evaluate on ``copied``, whose second document is one of the prompts, or on another task in its folder."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    patches.activate()
    monkeypatch.setenv("SSD_HARNESS_HOME", str(evaluated.folder / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(evaluated.folder)
    asked = [json.loads(line)["problem"] for line in (evaluated.folder / "prompts.jsonl").read_text().splitlines()]
    rows = [{"question": "What is 7 plus 1?", "answer": "8"}, {"question": asked[0], "answer": "17"}]
    lm_eval_task(evaluated.folder, "copied", rows)

    def run(task="copied", **fields):
        manager = TaskManager(include_path=str(evaluated.folder / "tasks"), include_defaults=False)
        return lm_eval.simple_evaluate(
            "ssd-hf", {"pretrained": "ssd:words", **fields}, [task], task_manager=manager, bootstrap_iters=0
        )

    return run


def test_an_overlap_with_other_peoples_tasks_stops_the_run_before_anything_is_sampled(evaluate, evaluated):
    before = sorted((evaluated.folder / "home").glob("samples/*"))
    with pytest.raises(UsageError, match="1 prompt overlaps 1 problem of copied"):
        evaluate(pretrained="demo", prompts="prompts.jsonl", prompt_limit=3)
    assert sorted((evaluated.folder / "home").glob("samples/*")) == before


def test_prompts_that_share_text_with_its_documents_are_refused(evaluate):
    with pytest.raises(UsageError) as error:
        evaluate()
    assert "1 prompt overlaps 1 problem of copied" in str(error.value)
    assert "equals 'document 1'" in str(error.value)
    about = evaluate(allow_overlap="true")["config"]["ssd"]
    assert about["allow_overlap"] is True
    assert about["overlap"]["copied"]["result"] == "allow_overlap=true: 1 prompt overlaps 1 problem"
    assert registry.get("words").manifest["overlap"]["sketches"]
