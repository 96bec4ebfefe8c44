import json
import os

import pytest

from ssd_harness.errors import UsageError
from ssd_harness.harness.result_files import runs
from ssd_harness.harness.result_files.runs import find_run

RUNS = {
    "2026-01-01T10-00-00.000001": {"run": "aaaa1111", "fingerprint": None, "base": {"name": "demo"}},
    "2026-01-01T11-00-00.000001": {
        "run": "bbbb2222",
        "fingerprint": "f0f0",
        "base": {"name": "demo"},
        "checkpoint": "d1",
    },
    "2026-01-02T11-00-00.000001": {
        "run": "cccc3333",
        "fingerprint": "e1e1",
        "base": {"name": "demo"},
        "checkpoint": "d2",
    },
}


@pytest.fixture
def folder(tmp_path):
    """What lm-eval leaves behind: all runs of one ``pretrained`` in one folder."""
    inner = tmp_path / "out@home" / "demo"
    inner.mkdir(parents=True)
    for date, about in RUNS.items():
        (inner / f"results_{date}.json").write_text(json.dumps({"config": {"model": "ssd-hf", "ssd": about}}))
        (inner / f"samples_livecodebench_mini_{date}.jsonl").write_text("{}\n")
    return inner.parent


@pytest.mark.parametrize(
    ("word", "run"),
    [("base", 0), ("bbbb", 1), ("cccc3333", 2), ("f0f0", 1), ("d2", 2), ("ssd:d2", 2), ("01T11", 1), ("demo", 0)],
)
def test_one_run_of_several_is_named_by_what_the_results_say(folder, word, run):
    assert list(RUNS)[run] in find_run(f"{folder}@{word}").name


def test_several_words_must_all_fit(folder):
    other = folder / "demo" / "samples_livecodebench_v6_2026-01-01T10-00-00.000001.jsonl"
    other.write_text("{}\n")
    assert find_run(f"{folder}@base@livecodebench_v6") == other


def test_an_ambiguous_folder_lists_its_runs_on_one_line(folder):
    with pytest.raises(UsageError) as error:
        find_run(folder)
    said = str(error.value)
    assert "\n" not in said
    for part in ("3 runs", "@aaaa1111 base demo (demo/samples_", "@bbbb2222 ssd:d1, fingerprint f0f0 (", "PATH@WORD"):
        assert part in said


def test_a_word_that_fits_nothing_or_too_much_says_so(folder):
    with pytest.raises(UsageError, match=r"no run matches 'zzz', of 3 in this folder: @aaaa"):
        find_run(f"{folder}@zzz")
    with pytest.raises(UsageError, match="2 runs in this folder: @aaaa1111"):
        find_run(f"{folder}@01-01")


@pytest.mark.parametrize(
    "broken", ["", "[]", '{"config": null}', '{"config": {"ssd": []}}', '{"config": {"ssd": {"run": 3}}}']
)
def test_results_that_say_nothing_leave_the_file_name(tmp_path, broken):
    for number in (1, 2):
        (tmp_path / f"samples_mini_2026-0{number}.jsonl").write_text("{}\n")
        (tmp_path / f"results_2026-0{number}.json").write_text(broken)
    assert find_run(f"{tmp_path}@2026-02").name == "samples_mini_2026-02.jsonl"
    with pytest.raises(UsageError, match=r"no run matches 'base'.*: samples_mini_2026-01\.jsonl; samples"):
        find_run(f"{tmp_path}@base")


def test_verdicts_are_told_apart_by_their_folders(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "verdicts.jsonl").write_text("{}\n")
    assert find_run(f"{tmp_path}@second") == tmp_path / "second" / "verdicts.jsonl"


def test_a_comparison_says_which_run_allowed_an_overlap(folder, capsys):
    """A figure that leaves its results' folder must not lose that word."""
    from ssd_harness.cli import main

    verdict = {"question_id": "q", "verdict": "AC", "passed": True, "difficulty": "easy"}
    for path in folder.rglob("samples_*"):
        path.write_text(json.dumps({"doc": {"question_id": "q"}, "filtered_resps": [[json.dumps(verdict)]]}) + "\n")
    for path in folder.rglob("results_*"):
        about = json.loads(path.read_text())["config"]["ssd"]
        about |= {"allow_overlap": True} if about["run"] == "cccc3333" else {}
        path.write_text(json.dumps({"config": {"ssd": about}}))
    words = ["compare", f"one={folder}@d1", f"two={folder}@d2"]
    assert main.main(words) == 0
    table = capsys.readouterr().out
    assert "two: made with allow_overlap=true" in table
    assert "one: made with" not in table
    assert main.main([*words, "--json"]) == 0
    assert [row.get("allow_overlap") for row in json.loads(capsys.readouterr().out)["runs"]] == [None, True]


def test_a_folder_of_far_more_than_runs_is_refused_before_all_of_it_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "_MOST_FILES", 30)
    for number in range(40):
        (tmp_path / f"{number:02}").mkdir()
    with pytest.raises(UsageError, match=r"more than 30 files and folders.*run's own folder"):
        find_run(tmp_path)


@pytest.mark.parametrize("name", ["a" * 5_000, "a" * 5_000 + "@base", "/proc/self/fd", "@", "@@x"])
def test_a_path_that_is_no_folder_of_runs_is_one_line(name):
    with pytest.raises(UsageError):
        find_run(name)


def test_pipes_in_a_folder_are_passed_over(folder, tmp_path):
    """Opened, one would wait for a writer for ever."""
    (tmp_path / "x").mkdir()
    os.mkfifo(tmp_path / "x" / "verdicts.jsonl")
    with pytest.raises(UsageError, match=r"no verdicts\.jsonl"):
        find_run(tmp_path / "x")
