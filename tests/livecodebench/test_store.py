import dataclasses
import hashlib
import json
import os
import random
import subprocess
import sys
from collections import Counter

import pytest

from ssd_harness.cli.main import main
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.livecodebench import data_files, releases
from ssd_harness.livecodebench.errata import ERRATA
from ssd_harness.livecodebench.releases import Selection, select
from ssd_harness.livecodebench.store import known_elsewhere, open_store
from ssd_harness.livecodebench.windows import parse_window

V6 = select("test6", "v6")
pytestmark = pytest.mark.usefixtures("state")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


def test_problems_and_tests_of_a_window(folder, lcb_rows):
    functional = [{"input": "[1]\n2", "output": "3", "testtype": "functional"}]
    rows = [
        lcb_rows.make("in"),
        lcb_rows.make("early", contest_date="2025-01-31T23:59:59"),
        lcb_rows.make("fn", metadata='{"func_name": "add"}', private_test_cases=lcb_rows.encode(functional)),
        lcb_rows.make("plain", private_test_cases=json.dumps(functional[:0])),
    ]
    lcb_rows.write(folder / "test6.jsonl", rows)
    store = open_store(V6, folder)
    assert list(store.problems) == ["in", "fn", "plain"]
    tests = store.tests("in")
    assert (tests.inputs, tests.expected, tests.public, tests.function) == (
        (b"1 2\n", b"2 2\n"),
        ("3\n", "4\n"),
        1,
        None,
    )
    assert store.tests("fn").function == "add"
    assert len(store.tests("plain").inputs) == 1
    assert store.warning is not None
    assert store.warning.startswith("not the official data: test6.jsonl has 4 rows")
    assert store.describe()["official"] is False
    assert "NOT the official data" in store.summary()


def test_no_test_of_any_kind_is_in_a_doc(folder, lcb_rows):
    lcb_rows.write(folder / "test6.jsonl", [lcb_rows.make()])
    doc = open_store(V6, folder).problems["q1"].as_doc()
    assert not {"public_test_cases", "private_test_cases", "tests_sha256"} & set(doc)
    assert doc["question_content"]


def test_only_needed_files_are_read(folder, lcb_rows):
    lcb_rows.write(folder / "test6.jsonl", [lcb_rows.make()])
    (folder / "test.jsonl").write_text("broken")
    assert len(open_store(select("v6", "v6"), folder).problems) == 1
    with pytest.raises(InfrastructureError, match=r"missing.*test3\.jsonl"):
        open_store(select("v6", "v5"), folder)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not valid JSON"),
        ('{"question_id": "a"', "not valid JSON"),
        ("[]", "JSON object"),
        ("\x00\x01", "not valid JSON"),
        ('{"question_id": "a"}', "lacks the string 'question_content'"),
        ("[" * 100_000, "not valid JSON"),
        ('{"a": [' + "[]," * 10_000 + "[]]}", "more than 1,000 values"),
        ('{"a": ' + "9" * 5_000 + "}", "too many digits"),
    ],
)
def test_a_broken_line_is_named(folder, lcb_rows, line, reason):
    path = lcb_rows.write(folder / "test6.jsonl", [lcb_rows.make()])
    with path.open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(InfrastructureError, match=rf"{reason}.*test6\.jsonl:2"):
        open_store(V6, folder)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"metadata": "no"}, "not a JSON object"),
        ({"metadata": '{"func_name": "a b"}'}, "not an identifier"),
        ({"question_content": 3}, "question_content"),
        ({"platform": "\x1b[2J"}, "platform of a data row is not a printable name"),
        ({"difficulty": "e" * 300}, "difficulty of a data row is not a printable name"),
        ({"contest_date": "March 2025"}, "not a date"),
        ({"question_content": "\ud800"}, "question_content of a data row holds half a surrogate pair"),
        ({"starter_code": "def f(): \udfff"}, "starter_code of a data row holds half a surrogate pair"),
        ({"question_id": "\ud800"}, "question_id of a data row is not a printable name"),
        ({"question_id": ["q"]}, "lacks the string 'question_id'"),
        ({"question_title": {"a": 1}}, "question_title of a data row is not a string or number"),
        ({"metadata": "[" * 1000}, "not a JSON object"),
    ],
)
def test_a_row_with_wrong_fields_is_named(folder, lcb_rows, changes, reason):
    lcb_rows.write(folder / "test6.jsonl", [lcb_rows.make(**changes)])
    with pytest.raises(InfrastructureError, match=rf"{reason}.*test6\.jsonl:1"):
        open_store(V6, folder)


def test_tests_that_cannot_be_decoded_name_the_problem_and_the_line(folder, lcb_rows):
    rows = [lcb_rows.make("good"), lcb_rows.make("bad", private_test_cases="%%%")]
    lcb_rows.write(folder / "test6.jsonl", rows)
    store = open_store(V6, folder)
    assert store.tests("good").public == 1
    with pytest.raises(InfrastructureError, match=r"private_test_cases of bad: .*base64.*test6\.jsonl:2"):
        store.tests("bad")


def test_a_functional_test_needs_a_name_to_call(folder, lcb_rows):
    tests = lcb_rows.encode([{"input": "1", "output": "1", "testtype": "functional"}])
    lcb_rows.write(folder / "test6.jsonl", [lcb_rows.make(private_test_cases=tests)])
    with pytest.raises(InfrastructureError, match="do not name the function"):
        open_store(V6, folder).tests("q1")


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("3 4", "not JSON"),
        ("", "not JSON"),
        ("[" * 1_000 + "]" * 1_000, "nested deeper"),
        ("[" + "[]," * 5_000_000 + "[]]", "more than 4,000,000 values"),
    ],
)
def test_verify_finds_an_expected_result_that_is_no_json(folder, lcb_rows, capsys, output, reason):
    tests = [{"input": "1", "output": text, "testtype": "functional"} for text in ("[1, 2.5e3]", output)]
    row = lcb_rows.make("fn", metadata='{"func_name": "f"}', private_test_cases=lcb_rows.encode(tests))
    lcb_rows.write(folder / "test6.jsonl", [lcb_rows.make(), row])
    assert main(["data", "verify", "--data", str(folder)]) == 3
    said = capsys.readouterr()
    assert f"cannot read the expected result of test 3 of fn: {reason}" in said.out
    assert "cannot decode the tests of 1 of 2 problems" in said.err
    assert open_store(V6, folder).tests("q1").public == 1


def test_an_id_may_stand_in_the_data_once(folder, lcb_rows):
    lcb_rows.write(folder / "test6.jsonl", [lcb_rows.make(), lcb_rows.make("q2"), lcb_rows.make()])
    with pytest.raises(InfrastructureError, match=r"twice.*test6\.jsonl:1.*test6\.jsonl:3"):
        open_store(V6, folder)


def test_the_index_is_used_and_notices_changes(folder, lcb_rows, state):
    path = lcb_rows.write(folder / "test6.jsonl", [lcb_rows.make()])
    first = open_store(V6, folder)
    (index,) = (state / "lcb" / "index").glob("test6-*.json")
    written = index.stat().st_mtime_ns
    assert open_store(V6, folder).problems == first.problems
    assert index.stat().st_mtime_ns == written
    index.write_text("garbage")
    assert open_store(V6, folder).problems == first.problems
    lcb_rows.write(path, [lcb_rows.make("q2")])
    os.utime(path, ns=(1, 1))
    assert list(open_store(V6, folder).problems) == ["q2"]
    with pytest.raises(InfrastructureError, match="changed while"):
        first.tests("q1")


def test_a_file_that_disappears_is_named(folder, lcb_rows):
    path = lcb_rows.write(folder / "test6.jsonl", [lcb_rows.make()])
    store = open_store(V6, folder)
    path.unlink()
    with pytest.raises(InfrastructureError, match=r"cannot read the data file: No such file.*test6\.jsonl"):
        store.tests("q1")
    with pytest.raises(InfrastructureError, match=r"a data file is missing.*test6\.jsonl"):
        open_store(V6, folder)


MEMORY = """
import re, sys
from pathlib import Path
from ssd_harness.livecodebench.releases import select
from ssd_harness.livecodebench.store import open_store
# Not ru_maxrss, which a process inherits from the one that started it.
peak = lambda: int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) << 10
before = peak()
store = open_store(select("test6"), Path(sys.argv[1]))
print(len(store.problems), peak() - before)
"""


@pytest.mark.process
def test_memory_goes_by_the_largest_row_and_not_by_the_file(folder, lcb_rows, state):
    tests = lcb_rows.encode([{"input": random.Random(0).randbytes(6 << 20).hex(), "output": "", "testtype": "stdin"}])
    path = folder / "test6.jsonl"
    folder.mkdir()
    with path.open("w") as stream:
        for number in range(10):
            stream.write(json.dumps(lcb_rows.make(f"q{number}", private_test_cases=tests)) + "\n")
    largest = path.stat().st_size / 10
    built, opened = (
        subprocess.run([sys.executable, "-c", MEMORY, str(folder)], capture_output=True, text=True, check=True)
        for _ in range(2)
    )
    problems, used = map(int, built.stdout.split())
    assert problems == 10
    assert used < 5 * largest + (10 << 20)  # half of the file; 92 MB, the largest row there is, then stay under 1 GiB
    assert int(opened.stdout.split()[1]) < 10 << 20


def test_a_wrong_count_is_an_error_of_pinned_data_and_a_warning_of_a_folder(folder, lcb_rows, monkeypatch):
    path = lcb_rows.write(folder / "test6.jsonl", [lcb_rows.make()])
    selection = select("v6", "v6")
    assert "131 problems (31/39/61 easy/medium/hard), this data has 1 (1/0/0)" in open_store(selection, folder).warning
    monkeypatch.setattr(data_files, "fetch", lambda file: path)
    with pytest.raises(InfrastructureError, match="131 problems"):
        open_store(selection)


def test_an_empty_window_is_an_error(folder, lcb_rows):
    lcb_rows.write(folder / "test6.jsonl", [lcb_rows.make()])
    with pytest.raises(InfrastructureError, match="has no problem of"):
        open_store(Selection("test6", parse_window("2025-04..2025-04")), folder)


def test_the_folder_may_come_from_the_environment(folder, lcb_rows, monkeypatch):
    lcb_rows.write(folder / "test6.jsonl", [lcb_rows.make()])
    monkeypatch.setenv("SSD_LCB_DATA", str(folder))
    assert open_store(V6).source.kind == "folder"
    monkeypatch.setenv("SSD_LCB_DATA", str(folder / "absent"))
    with pytest.raises(UsageError, match="does not exist"):
        open_store(V6)


def test_without_a_network_the_error_says_what_to_do(monkeypatch, tmp_path):
    import huggingface_hub

    def offline(*arguments, **options):
        raise huggingface_hub.errors.LocalEntryNotFoundError("offline\nand more")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", offline)
    with pytest.raises(
        InfrastructureError, match=r"cannot download test6\.jsonl \(0\.13 GB\).*offline.*SSD_LCB_DATA"
    ) as info:
        open_store(V6)
    assert "\n" not in str(info.value)


def test_ids_outside_of_the_window_are_told_from_unknown_ones(folder, lcb_rows):
    rows = [lcb_rows.make("in"), lcb_rows.make("out", contest_date="2025-01-05T00:00:00")]
    lcb_rows.write(folder / "test6.jsonl", rows)
    store = open_store(V6, folder)
    assert known_elsewhere(store, {"out", "nowhere"}) == {"out"}


@pytest.mark.lcb
def test_real_rows(lcb_fixtures):
    folder = lcb_fixtures / "code_generation_lite"
    v6 = open_store(select("v6", "v6"), folder)
    assert (len(v6.problems), v6.split) == (131, {"easy": 31, "medium": 39, "hard": 61})
    assert v6.warning == v6.unofficial  # the tests of these rows are a part of the official ones
    assert v6.unofficial is not None
    whole = open_store(select("v6"), folder)
    assert len(whole.problems) == 1053
    assert "1055" in whole.warning
    kinds = Counter(whole.tests(name).function is None for name in whole.problems)
    assert kinds == {True: 609, False: 444}
    flagged = {name for name, problem in whole.problems.items() if problem.erratum}
    assert {"abc311_c", "3194", "abc337_e", "3363"} <= flagged
    assert flagged == set(ERRATA) - {"abc355_e"}  # which the fixtures lack
    assert len(ERRATA) == 17


def test_only_the_official_files_are_called_official(folder, lcb_rows, monkeypatch):
    """A file of the data set's name, and of another content, is named with both sizes."""
    lcb_rows.write(folder / "test6.jsonl", [lcb_rows.make("in")])
    content = (folder / "test6.jsonl").read_bytes()
    official = dataclasses.replace(releases.RELEASES["test6"][0], sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(releases.RELEASES, "test6", (official,))
    assert open_store(V6, folder).describe()["official"] is True
    (folder / "test6.jsonl").write_bytes(content.replace(b"the sum", b"the sun"))
    changed = open_store(V6, folder)
    assert changed.describe()["official"] is False
    assert f"in {len(content):,} bytes" in (changed.unofficial or "")


def test_each_official_file_has_a_size_and_a_checksum():
    files = releases.RELEASES["v6"]
    assert [file.name for file in files if not (file.bytes and file.sha256 and len(file.sha256) == 64)] == []
    assert all(f"{file.bytes / 1e9:.2f} GB" == file.size for file in files)
