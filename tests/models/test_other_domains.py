"""Neither the prompts nor the task need to be about code: a small math task, defined and stored outside of the package."""

import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("trl")

from ssd_harness import bridge, registry
from ssd_harness.errors import UsageError

pytestmark = [pytest.mark.hf, pytest.mark.slow]

TASK = r"""
task: tiny_math
dataset_path: json
dataset_kwargs: {data_files: {test: ROWS}}
test_split: test
output_type: generate_until
doc_to_text: "Question: {{question}}\nAnswer:"
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["\n\n"], max_gen_toks: 24, do_sample: true, temperature: 1.0}
filter_list:
  - name: number
    filter: [{function: regex, regex_pattern: "([0-9])"}, {function: take_first}]
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
"""
SHARED = "Ann buys three boxes of pencils, gives two of them to Bob and loses one on the way home."


def question(number):
    return f"{SHARED} A box holds {number} pencils. How many are left?"


@pytest.fixture(scope="module")
def evaluated(tiny_model, tmp_path_factory):
    """One ordinary lm_eval command: the transform on math prompts, then the task; there is no Docker engine."""
    folder = tmp_path_factory.mktemp("math")
    prompts = [{"problem": f"What is {k} plus {k * k}?"} for k in range(8)]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in prompts))
    (folder / "tasks").mkdir()
    rows = [{"question": question(k), "answer": str(k % 10)} for k in range(6)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "tasks/tiny_math.yaml").write_text(TASK.replace("ROWS", str(folder / "rows.jsonl")))
    model_args = (
        f"pretrained={tiny_model},prompts={folder}/prompts.jsonl,filter=none,steps=1,max_new_tokens_train=16,"
        "max_length_train=256,batch_size_train=4,name=math"
    )
    environment = {
        **os.environ,
        "SSD_HARNESS_HOME": str(folder / "home"),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    words = [
        "--model",
        "ssd-hf",
        "--model_args",
        model_args,
        "--tasks",
        "tiny_math",
        "--include_path",
        str(folder / "tasks"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "lm_eval", *words, "--output_path", str(folder / "out"), "--log_samples"],
        capture_output=True,
        text=True,
        timeout=400,
        env={**environment, "DOCKER_HOST": "unix:///nowhere/docker.sock"},
    )
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(folder=folder, err=done.stderr)


def test_a_math_task_is_evaluated_after_the_transform(evaluated):
    (results,) = evaluated.folder.glob("out/**/results_*.json")
    found = json.loads(results.read_text())
    assert 0 <= found["results"]["tiny_math"]["exact_match,number"] <= 1
    about = found["config"]["ssd"]
    assert about["transform"] == "made in this run"
    assert about["rounds"][0]["filter"]["kept"] == 8
    assert about["overlap"] == {"tiny_math": {"problems": 6, "result": "none"}}
    assert "overlap with tiny_math: none (6 problems)" in evaluated.err
    (samples,) = evaluated.folder.glob("out/**/samples_*.jsonl")
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    assert len(rows) == 6
    for row in rows:
        digits = re.findall("[0-9]", row["resps"][0][0])
        assert row["filtered_resps"] == [digits[0] if digits else "[invalid]"]


def test_prompts_that_share_text_with_its_documents_are_refused(evaluated, monkeypatch):
    """Only the loaded task knows its documents: the model meets them once it is there, and a later run need not train."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    bridge.activate()
    monkeypatch.setenv("SSD_HARNESS_HOME", str(evaluated.folder / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    rows = [{"question": question(1)}, {"question": "What is 3 plus 9?"}]
    (evaluated.folder / "rows.jsonl").write_text("".join(json.dumps({**row, "answer": "1"}) + "\n" for row in rows))
    (evaluated.folder / "tasks/copied.yaml").write_text(
        TASK.replace("ROWS", str(evaluated.folder / "rows.jsonl"))
        .replace("tiny_math", "copied")
        .replace("Question: ", "")
        .replace("\\nAnswer:", "")
    )

    def evaluate(**fields):
        manager = TaskManager(include_path=str(evaluated.folder / "tasks"), include_defaults=False)
        return lm_eval.simple_evaluate(
            "ssd-hf", {"pretrained": "ssd:math", **fields}, ["copied"], task_manager=manager, bootstrap_iters=0
        )

    with pytest.raises(UsageError) as error:
        evaluate()
    assert "1 prompt overlaps 1 problem of copied" in str(error.value)
    assert "equals 'document 1'" in str(error.value)
    about = evaluate(allow_overlap="true")["config"]["ssd"]
    assert about["allow_overlap"] is True
    assert about["overlap"]["copied"]["result"] == "allow_overlap=true: 1 prompt overlaps 1 problem"
    assert registry.get("math").manifest["overlap"]["sketches"]
