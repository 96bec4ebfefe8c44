from types import SimpleNamespace

import pytest
from lm_eval.tasks._index import TaskIndex

from ssd_harness.harness.patches import discovery

FIRST = "task: shared\nalias: {}\n"


@pytest.fixture
def manager(task_folder, monkeypatch):
    """lm-eval's task manager module in small: its own index class over a built-in folder of two tasks."""
    builtin = task_folder("builtin", shared=FIRST.format("builtin"), other="task: arithmetic\n")
    declared = task_folder(
        "declared",
        shared=FIRST.format("declared"),
        own="task: lcb_v6\ntag: lcb\nclass: !function ssd_harness.harness.task.livecodebench_task.LivecodebenchTask\n",
    )
    monkeypatch.setattr(discovery, "task_folders", lambda: (declared,))
    module = SimpleNamespace(
        TaskIndex=type("TaskIndex", (TaskIndex,), {}), __file__=str(builtin / "manager.py"), builtin=builtin
    )
    discovery.extend_task_index(module)
    return module


def test_declared_tasks_win_over_built_in_ones_and_include_path_over_both(manager, task_folder):
    include = task_folder("include", shared=FIRST.format("include"))
    assert manager.TaskIndex.build([manager.builtin])["shared"].cfg["alias"] == "declared"
    index = manager.TaskIndex.build([manager.builtin, include])
    assert index["shared"].cfg["alias"] == "include"
    assert {"lcb_v6", "arithmetic"} <= set(index)


def test_a_folder_that_lm_eval_discovers_itself_is_read_once(manager):
    (declared,) = discovery.task_folders()
    assert set(manager.TaskIndex.build([manager.builtin, declared])) == {"shared", "arithmetic", "lcb_v6", "lcb"}
    assert manager.TaskIndex.build([declared, manager.builtin])["shared"].cfg["alias"] == "builtin"


@pytest.mark.parametrize(
    ("asked", "builtin_read"),
    [
        (["lcb_v6"], False),
        (["lcb"], False),
        (["lcb*"], False),
        (["lcb_v6", "arithmetic"], True),
        (["shared"], True),
        (["*"], True),
        ([], True),
    ],
)
def test_built_in_tasks_are_left_out_when_nobody_asks_for_them(manager, asked, builtin_read):
    with discovery.index_for(asked):
        assert ("arithmetic" in manager.TaskIndex.build([manager.builtin])) is builtin_read
    assert "arithmetic" in manager.TaskIndex.build([manager.builtin])


def test_a_task_of_ours_that_include_path_replaces_is_no_longer_ours(manager, task_folder):
    include = task_folder("include", own="task: lcb_v6\n")
    with discovery.index_for(["lcb_v6"]):
        index = manager.TaskIndex.build([manager.builtin, include])
    assert index["lcb_v6"].yaml_path.parent == include
    assert "arithmetic" in index


@pytest.mark.parametrize("tasks", [["lcb_v6"], "lcb_v6", ["lcb_v6,lcb"]])
def test_the_command_line_says_what_is_asked_before_the_index_is_built(manager, tasks):
    class Config:
        def __init__(self):
            self.tasks = tasks

        def process_tasks(self, metadata=None):
            return manager.TaskIndex.build([manager.builtin])

    discovery.wrap_process_tasks(SimpleNamespace(EvaluatorConfig=Config))
    assert "arithmetic" not in Config().process_tasks({})


def test_a_broken_declaration_of_another_package_is_passed_over(monkeypatch, caplog):
    from importlib.metadata import EntryPoint

    own = EntryPoint("ssd_harness", "ssd_harness.tasks", "lm_eval.tasks")
    broken = EntryPoint("broken", "no_such_package.tasks", "lm_eval.tasks")
    monkeypatch.setattr(discovery, "entry_points", lambda group: [broken, own])
    folders = discovery.task_folders.__wrapped__()
    assert [folder.name for folder in folders] == ["tasks"]
