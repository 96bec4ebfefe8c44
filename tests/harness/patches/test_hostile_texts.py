"""Texts of users and of data that a template engine would run: each stays a text through a whole evaluation."""

import json
import os
import subprocess
import sys

import pytest
from hostile_text import hostile

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.usefixtures("docker_sandbox")]


@pytest.mark.parametrize("more", [(), ("--predict_only",)], ids=["judged", "predict_only"])
def test_no_text_of_prompts_rows_or_metadata_is_run(tmp_path, lcb_rows, more):
    marker, folder = tmp_path / "m", tmp_path / "p"
    marker.mkdir()
    folder.mkdir()
    for part in ("stdin", "functional", "system"):
        question = "" if part == "system" else " {{question_content}} {{question_title}} {{starter_code}}"
        (folder / f"{part}.txt").write_text(hostile(marker, part) + question, encoding="utf-8")
    name = f"{{{{cycler.__init__.__globals__.os.system('touch {marker / 'id'}')}}}}"
    texts = {
        field: hostile(marker, field) for field in ("question_title", "question_content", "starter_code", "contest_id")
    }
    texts["contest_id"] = texts["contest_id"][:200]
    functional = {"metadata": json.dumps({"func_name": "add"})}
    rows = [lcb_rows.make(name, **{**texts, "starter_code": ""}), lcb_rows.make("b", **texts, **functional)]
    lcb_rows.write(tmp_path / "data" / "test6.jsonl", rows)

    command = [sys.executable, "-m", "lm_eval", "--model", "dummy", "--tasks", "livecodebench_v6", "--log_samples"]
    command += ["--output_path", "out", "--metadata", json.dumps({"prompt": f"file:{folder}", "repeats": 2}), *more]
    command += ["--system_instruction", hostile(marker, "instruction")]
    settings = {
        "SSD_HARNESS_HOME": str(tmp_path / "home"),
        "SSD_LCB_DATA": str(tmp_path / "data"),
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | settings, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    (samples,) = (tmp_path / "out").rglob("samples_*.jsonl")
    logged = [json.loads(line) for line in samples.read_text("utf-8").splitlines()]
    assert {row["doc"]["question_id"] for row in logged} == {name, "b"}
    prompts = [row["arguments"]["gen_args_0"]["arg_0"] for row in logged]
    for place in ("system", "instruction", "question_content"):
        assert all(hostile(marker, place) in prompt for prompt in prompts), place
    assert list(marker.iterdir()) == []
