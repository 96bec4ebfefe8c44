"""One screen: every subject has its line, and what is not well says what to do."""

import os
import subprocess
import sys

import pytest

from ssd_harness.cli.doctor import disk

pytestmark = pytest.mark.process


def doctor(tmp_path, **environment):
    settings = {**os.environ, "SSD_HARNESS_HOME": str(tmp_path / "home")}
    settings.pop("SSD_HARNESS_NO_HOOK", None)
    return subprocess.run(
        [sys.executable, "-m", "ssd_harness", "doctor"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env=settings | environment,
    )


def line(done, subject):
    lines = done.stdout.splitlines()
    at = next(number for number, text in enumerate(lines) if f"  {subject} " in text)
    following = lines[at + 1] if at + 1 < len(lines) and "→" in lines[at + 1] else ""
    return lines[at], following


def test_every_subject_is_there_on_one_screen(tmp_path):
    done = doctor(tmp_path)
    assert done.stderr == ""
    for subject in ("python", "lm_eval", "start-up hook", "ssd-hf", "vllm", "sandbox docker", "data", "state folder"):
        line(done, subject)
    assert len(done.stdout.splitlines()) <= 24
    assert not (tmp_path / "home").exists()


def test_no_engine_says_what_to_do(tmp_path):
    done = doctor(tmp_path, DOCKER_HOST="unix:///nowhere/docker.sock")
    state, next_step = line(done, "sandbox docker")
    assert not state.startswith("OK")
    assert next_step


def test_the_hook_switched_off_is_said(tmp_path):
    state, next_step = line(doctor(tmp_path, SSD_HARNESS_NO_HOOK="1"), "start-up hook")
    assert "SSD_HARNESS_NO_HOOK" in state
    assert "ssd-harness eval" in next_step


def test_a_data_folder_without_the_files_is_said(tmp_path):
    state, _ = line(doctor(tmp_path, SSD_LCB_DATA=str(tmp_path)), "data")
    assert not state.startswith("OK")
    assert "missing" in state


def test_a_part_of_the_data_is_not_called_the_benchmark(tmp_path):
    (tmp_path / "test6.jsonl").write_text("{}\n")
    state, next_step = line(doctor(tmp_path, SSD_LCB_DATA=str(tmp_path)), "data")
    assert not state.startswith("OK")
    assert "not the official data (test6.jsonl has 3 bytes)" in state
    assert "data verify" in next_step


def test_a_state_folder_that_takes_no_file_is_not_called_small(monkeypatch):
    """/proc has the permission bits of a folder that root may write to."""
    monkeypatch.setenv("SSD_HARNESS_HOME", "/proc/x")
    (finding,) = disk()
    assert finding.needed
    assert "not writable" in finding.state
