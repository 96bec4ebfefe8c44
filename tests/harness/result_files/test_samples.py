import json

import pytest

from ssd_harness.errors import UsageError
from ssd_harness.harness.result_files.samples import read_samples
from ssd_harness.scoring.generation_facts import GenerationFacts

FENCED = "Here:\n```python\nprint(1)\n```\nDone."


def programs(path, *rows, text=None):
    path.write_text(text if text is not None else "".join(json.dumps(row) + "\n" for row in rows))
    return [(s.program.question_id, s.program.sample, s.program.code) for s in read_samples(path)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "samples.jsonl"


def test_every_form(path):
    assert programs(path, {"question_id": "a", "code": "x"}) == [("a", 0, "x")]
    assert programs(path, {"question_id": "a", "output": FENCED}) == [("a", 0, "print(1)")]
    assert programs(path, {"question_id": 7, "code_list": ["x", None]}) == [("7", 0, "x"), ("7", 1, "")]
    assert programs(path, {"question_id": "a", "output_list": [FENCED, "no"]})[1] == ("a", 1, "")
    sample = {"doc_id": 0, "doc": {"question_id": "a"}, "resps": [[FENCED, FENCED]]}
    assert programs(path, sample) == [("a", 0, "print(1)"), ("a", 1, "print(1)")]
    listed = json.dumps([{"question_id": "a", "code_list": ["x"]}, {"question_id": "b", "code_list": ["y"]}])
    assert programs(path, text=listed) == [("a", 0, "x"), ("b", 0, "y")]


def eval_all(question_id, codes, **changes):
    """One item of a result file of the benchmark's own runner."""
    return {
        "question_title": "T",
        "question_content": "C",
        "platform": "atcoder",
        "question_id": question_id,
        "contest_id": "c",
        "contest_date": "2025-03-01T00:00:00",
        "starter_code": "",
        "difficulty": "easy",
        "output_list": [f"Sure:\n```python\n{code}\n```" for code in codes],
        "code_list": codes,
        **changes,
    }


def test_the_benchmarks_own_result_files(path):
    graded = {"graded_list": [True, False], "pass@1": 0.5, "metadata": ["{}", '{"error_code": -2}']}
    path.write_text(json.dumps([eval_all("a", ["x", "y"], **graded), eval_all("b", ["z"])], indent=4))
    found = read_samples(path)
    assert [(s.program.question_id, s.program.code, s.published) for s in found] == [
        ("a", "x", True),
        ("a", "y", False),
        ("b", "z", None),
    ]
    path.write_text(json.dumps([eval_all("a", ["x", "y"], graded_list=[True])]))
    with pytest.raises(UsageError, match=r"graded_list.*each of its 2 programs.*item 1"):
        read_samples(path)


def test_what_rows_tell_of_their_generations(path):
    rows = [
        {"question_id": "a", "code": "x", "truncated": True, "tokens": 7},
        {"question_id": "a", "output": "<think>```\nno\n```", "finish_reason": "length"},
        {"question_id": "a", "output": "```\nyes\n```", "finish_reason": "stop", "prompt": "Q\n```python"},
        {"question_id": "a", "code_list": ["x"], "tokens": "many"},
        {"question_id": "a", "code": "x", "tokens": 10**400},
        {"question_id": "a", "code": "x", "tokens": -1},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_samples(path)
    assert [s.facts for s in found] == [
        GenerationFacts(truncated=True, tokens=7),
        GenerationFacts(truncated=True, unfinished_reasoning=True),
        GenerationFacts(truncated=False),
        *[GenerationFacts()] * 3,  # nobody draws a number of tokens with 400 digits
    ]
    assert [s.program.code for s in found] == ["x", "", "", *"xxx"]  # the third prompt has opened a block


def logged(resps, filtered, prompt="Q"):
    return {
        "doc_id": 0,
        "doc": {"question_id": "a"},
        "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": {"until": []}}},
        "resps": [resps],
        "filtered_resps": [filtered],
    }


def test_what_our_task_logged_is_taken_as_it_was_judged(path):
    judged = {"question_id": "a", "sample": 0, "code": "x", "verdict": "AC", "passed": True, "tokens": 5}
    never = {**judged, "code": "y", "verdict": "IE", "passed": False, "truncated": True}
    predicted = {"question_id": "a", "sample": 2, "code": "", "unfinished_reasoning": True}
    row = logged(["?"] * 3, [json.dumps(made) for made in (judged, never, predicted)])
    path.write_text(json.dumps(row))
    found = read_samples(path)
    assert [(s.program.code, s.published) for s in found] == [("x", True), ("y", None), ("", None)]
    assert [s.facts for s in found] == [
        GenerationFacts(tokens=5),
        GenerationFacts(truncated=True, tokens=5),
        GenerationFacts(unfinished_reasoning=True),
    ]


@pytest.mark.parametrize("filtered", [["x", "y"], "x", None, [], ["[" * 100_000], [json.dumps({"code": 3})]])
def test_other_logs_are_extracted_anew_after_the_prompt_that_they_log(path, filtered):
    row = logged(["a\n```\nb", "c"], filtered, prompt="Q\n```python\n")
    assert programs(path, row) == [("a", 0, "a"), ("a", 1, "c")]
    row = logged(["```\nno\n```", "</think>```\nyes\n```"], filtered, prompt="<|assistant|>\n<think>\n")
    assert programs(path, row) == [("a", 0, ""), ("a", 1, "yes")]
    row["arguments"] = [["odd"]]
    assert programs(path, row)[0] == ("a", 0, "no")


def test_code_goes_before_output(path):
    assert programs(path, {"question_id": "a", "code": "mine", "output": FENCED}) == [("a", 0, "mine")]


def test_rows_of_one_problem_are_its_samples(path):
    rows = [{"question_id": q, "code": str(n)} for n, q in enumerate("abab")]
    assert programs(path, *rows) == [("a", 0, "0"), ("b", 0, "1"), ("a", 1, "2"), ("b", 1, "3")]


def test_blank_lines_do_not_count_but_keep_numbers(path):
    with pytest.raises(UsageError, match=r"samples\.jsonl:3"):
        programs(path, text='{"question_id": "a", "code": "x"}\n\n{\n')


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "broken line"),
        ('{"question_id": "a", "code": "x"', "broken line"),
        ("12", "JSON object"),
        ('{"code": "x"}', "without question_id"),
        ('{"question_id": true, "code": "x"}', "without question_id"),
        ('{"question_id": "a"}', "without a program"),
        ('{"question_id": "a", "code": 3}', "must be a text"),
        ('{"question_id": "a", "code_list": "x"}', "must be a list"),
        ('{"question_id": "a", "resps": ["x"]}', "must be a list"),
        ("[" * 100_000, "broken line"),
    ],
)
def test_a_bad_row_names_file_and_line(path, line, reason):
    with pytest.raises(UsageError, match=reason) as info:
        programs(path, text='{"question_id": "a", "code": "x"}\n' + line + "\n")
    assert "samples.jsonl:2" in str(info.value)
    assert len(str(info.value)) < 400


def test_binary_and_absent_and_empty_files(path, tmp_path):
    path.write_bytes(b"\x7fELF\x00\xff\xfe\n")
    with pytest.raises(UsageError, match=r"binary data.*samples\.jsonl:1"):
        read_samples(path)
    with pytest.raises(UsageError, match="cannot read"):
        read_samples(tmp_path / "absent")
    with pytest.raises(UsageError, match="no samples"):
        programs(path, text="\n\n")
