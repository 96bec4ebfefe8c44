"""Task folders as users write them, and lm-eval's own index over them."""

import pytest

OWN = "class: !function ssd_harness.lcb.task.LivecodebenchTask"


@pytest.fixture
def task_folder(tmp_path):
    """Write YAML files; each keyword is a file name, each value its text."""

    def write(name, **files):
        folder = tmp_path / name
        folder.mkdir()
        for stem, text in files.items():
            (folder / f"{stem}.yaml").write_text(text)
        return folder

    return write


@pytest.fixture
def index(task_folder):
    from lm_eval.tasks._index import TaskIndex

    folder = task_folder(
        "mixed",
        v6=f"task: lcb_v6\ntag: lcb\n{OWN}\n",
        v5=f"task: lcb_v5\ntag: lcb\n{OWN}\n",
        foreign="task: arithmetic\ntag: maths\n",
        dangerous="task: dangerous\nunsafe_code: true\n",
        stranger="task: lcb_of_others\nclass: !function utils.Task\n",
        own_group="group: lcb_all\ntask: [lcb_v6, lcb_v5]\n",
        mixed_group="group: mixed\ntask: [lcb_v6, arithmetic]\n",
        nested="group: nested\ntask: [lcb_all]\n",
    )
    return TaskIndex.build([folder])
