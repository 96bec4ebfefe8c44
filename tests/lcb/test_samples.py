import json

import pytest

from ssd_harness.errors import UsageError
from ssd_harness.lcb.samples import read_samples

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
