"""A sweep over a task of the user's own: found in a folder, asked through the chat template, decoded as the cell says."""

import json

import pytest

pytest.importorskip("trl")

pytestmark = [pytest.mark.hf, pytest.mark.slow]


def test_a_task_of_the_users_own_is_decoded_as_its_cell_says(command, tiny_model, lm_eval_task, tmp_path):
    lm_eval_task(tmp_path, "sums", [{"question": "What is 2 plus 4?", "answer": "6"}])
    words = ["--tasks", "sums", "--include_path", tmp_path / "tasks", "--apply_chat_template", "--out", tmp_path]
    out, _ = command(
        "sweep", tiny_model, *words, "--axis", "rounds=0", "--axis", "T_base=0.5", "--axis", "top_k_base=7"
    )
    assert "| base | - | 0.5 / 7 / default | 0.50 |" in out
    (results,) = (tmp_path / "cells").rglob("results_*.json")
    found = json.loads(results.read_text())
    used = found["configs"]["sums"]["generation_kwargs"]
    assert (used["do_sample"], used["temperature"], used["top_k"], used["max_gen_toks"]) == (True, 0.5, 7, 8)
    assert found["chat_template_sha"]
