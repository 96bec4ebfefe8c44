import json

import pytest

from ssd_harness.cli.main import main


@pytest.mark.docker
def test_check_runs_right_wrong_and_hostile_programs(docker_sandbox, capsys):
    assert main(["sandbox", "check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "all verdicts are correct"
    assert sum(line.startswith("  ok") for line in lines) == 8
    assert sum("hostile" in line for line in lines) == 2


def test_check_runs_in_the_process_sandbox(process_sandbox, capsys):
    assert main(["sandbox", "check", "--sandbox", "process"]) == 0
    assert "weaker" in capsys.readouterr().out


@pytest.mark.docker
def test_info_is_json(docker_sandbox, capsys):
    assert main(["sandbox", "info", "--sandbox", "docker"]) == 0
    assert json.loads(capsys.readouterr().out)["sandbox"] == "docker"


def test_an_unknown_sandbox_is_a_usage_error(capsys):
    assert main(["sandbox", "check", "--sandbox", "bucket"]) == 2
    assert "no sandboxe is called" not in capsys.readouterr().err


@pytest.mark.process
def test_no_engine_is_an_infrastructure_error(capsys, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/engine.sock")
    assert main(["sandbox", "check", "--sandbox", "docker"]) == 3
    error = capsys.readouterr().err
    assert error.startswith("ssd-harness: error: no Docker engine answers")
    assert error.count("\n") == 1


def test_pruning_says_what_it_removed(state, capsys):
    (state / "sandbox" / "rootfs-0123").mkdir(parents=True)
    assert main(["sandbox", "prune", "--sandbox", "process"]) == 0
    assert "rootfs-0123" in capsys.readouterr().out
    assert main(["sandbox", "prune", "--sandbox", "process"]) == 0
    assert "nothing to remove" in capsys.readouterr().out
