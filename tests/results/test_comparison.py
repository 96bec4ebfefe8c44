import json

import pytest

from ssd_harness.cli.main import main
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.harness.result_files.outcomes import ProblemOutcome, read_outcomes
from ssd_harness.results.comparison import compare, render


def verdict_rows(passed):
    return [
        {
            "question_id": question,
            "sample": index,
            "passed": flag,
            "verdict": "AC" if flag else "WA",
            "difficulty": level,
        }
        for question, level, flags in passed
        for index, flag in enumerate(flags)
    ]


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


BASE = [("p1", "easy", [1, 1, 0, 0, 1]), ("p2", "hard", [0, 0, 0, 0, 0])]
BETTER = [("p1", "easy", [1, 1, 1, 1, 1]), ("p2", "hard", [0, 1, 0, 0, 0])]


@pytest.fixture
def runs(tmp_path):
    return (
        write(tmp_path / "base" / "verdicts.jsonl", verdict_rows(BASE)),
        write(tmp_path / "ssd" / "verdicts.jsonl", verdict_rows(BETTER)),
    )


def test_pass_at_k_and_the_paired_difference_are_the_hand_computed_ones(runs):
    base, better = compare([("base", read_outcomes(runs[0])), ("ssd", read_outcomes(runs[1]))])
    assert base.pass_at[1].mean == pytest.approx(0.3)
    assert base.pass_at[5].mean == pytest.approx(0.5)
    assert better.difference[1].mean == pytest.approx(0.3)
    assert better.by_difficulty == {"easy": 1.0, "hard": pytest.approx(0.2)}
    assert base.difference == {}


def test_a_k_beyond_the_samples_is_left_out(tmp_path):
    few = write(tmp_path / "verdicts.jsonl", verdict_rows([("p1", "easy", [1, 0])]))
    (row,) = compare([("few", read_outcomes(few))])
    assert list(row.pass_at) == [1]


def test_lm_eval_sample_files_are_read_too(tmp_path, runs):
    rows = [
        {
            "doc_id": 0,
            "doc": {"question_id": question, "difficulty": level},
            "filtered_resps": [[{"passed": bool(flag), "verdict": "AC" if flag else "WA"} for flag in flags]],
        }
        for question, level, flags in BASE
    ]
    file = write(tmp_path / "out" / "model" / "samples_livecodebench_mini_2026.jsonl", rows)
    assert read_outcomes(file.parent.parent) == read_outcomes(runs[0])


def test_other_problems_are_refused(tmp_path, runs):
    other = write(tmp_path / "other.jsonl", verdict_rows([("p9", "easy", [1] * 5)]))
    with pytest.raises(UsageError, match="differ in 3 problems"):
        compare([("base", read_outcomes(runs[0])), ("other", read_outcomes(other))])


def test_a_program_that_was_never_judged_is_not_counted_as_wrong(tmp_path):
    file = write(tmp_path / "v.jsonl", [{"question_id": "p", "verdict": "IE", "passed": False}])
    with pytest.raises(InfrastructureError, match="never judged"):
        read_outcomes(file)


def test_a_broken_line_is_named(tmp_path):
    file = tmp_path / "v.jsonl"
    file.write_text('{"question_id": "p", "verdict": "AC", "passed": true}\n{oops\n')
    with pytest.raises(InfrastructureError, match=r"v\.jsonl:2"):
        read_outcomes(file)


def test_a_folder_with_two_runs_asks_which(tmp_path, runs):
    with pytest.raises(UsageError, match="name the file you mean"):
        read_outcomes(tmp_path)


def test_the_command_prints_one_line_a_run(runs, capsys):
    assert main(["compare", f"base={runs[0]}", f"ssd={runs[1]}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["base", "ssd"]
    assert "30.0 [" in lines[2]
    assert "+30.0 [" in lines[3]


def test_the_table_is_aligned(runs):
    text = render(compare([("base", read_outcomes(runs[0])), ("a much longer name", read_outcomes(runs[1]))]))
    lines = text.splitlines()
    assert len({len(line) for line in lines[:4]}) == 1


def test_reads_what_lm_eval_logs(tmp_path):
    verdicts = [
        {"question_id": "a", "sample": n, "passed": n == 0, "verdict": "AC" if n == 0 else "WA"} for n in range(2)
    ]
    row = {"doc": {"question_id": "a", "difficulty": "hard"}, "filtered_resps": [[json.dumps(v) for v in verdicts]]}
    (tmp_path / "samples_x.jsonl").write_text(json.dumps(row) + "\n")
    outcome = read_outcomes(tmp_path)["a"]
    assert (outcome.samples, outcome.passed, outcome.difficulty) == (2, 1, "hard")
    (tmp_path / "samples_x.jsonl").write_text(json.dumps({**row, "filtered_resps": [["print(1)"]]}) + "\n")
    with pytest.raises(UsageError, match="holds no verdicts"):
        read_outcomes(tmp_path)


def test_a_run_whose_verdicts_name_no_difficulty_stands_beside_one_with_them():
    runs = [("with", {"q": ProblemOutcome("q", 1, 1, "easy")}), ("without", {"q": ProblemOutcome("q", 1, 0)})]
    for order in (runs, runs[::-1]):
        lines = {line.split()[0]: line.split() for line in render(compare(order)).splitlines()}
        assert lines["run"][-1] == "easy"
        assert lines["with"][-1] == "100.0"
        assert lines["without"][-1] == "-"
