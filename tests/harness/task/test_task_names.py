from importlib import resources

from ssd_harness.harness.task.task_names import TASKS, selection_of


def test_every_task_has_its_file_and_every_file_its_task():
    folder = resources.files("ssd_harness.tasks")
    files = {entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.startswith("livecodebench_")}
    assert files == set(TASKS)
    for name in TASKS:
        assert f"task: {name}\n" in (folder / f"{name}.yaml").read_text()


def test_known_windows_have_known_counts():
    counts = {name: selection_of(name).expected for name in TASKS if name != "livecodebench_mini"}
    assert all(counts.values())
    assert counts["livecodebench_v6"][0] == 131
    assert counts["livecodebench_v5"][0] == 374
    assert counts["livecodebench_2408_2501"][0] == 279
    assert counts["livecodebench_2407_2412"][0] == 315
    assert counts["livecodebench_release_v5"][0] == 880


def test_options_override_and_foreign_tasks_bring_their_own():
    assert selection_of("livecodebench_v6", window="2025-03..2025-03").window.first == "2025-03"
    assert selection_of("livecodebench_v6", release="v5", window="all").release == "v5"
    assert selection_of("mine") is None
    assert selection_of("mine", release="v6", window="v6").expected[0] == 131
