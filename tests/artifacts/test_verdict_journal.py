import json
import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_harness.artifacts.verdict_journal import Journal, key_of
from ssd_harness.errors import InfrastructureError
from ssd_harness.judge.verdicts import ProgramVerdict, Verdict


def verdict(sample=0, kind=Verdict.WA, **changes):
    return ProgramVerdict("q", sample, kind, **{"test": 2, "cpu_s": 0.5, "message": "täxt\n\u2028", **changes})


def test_what_was_written_is_read(tmp_path):
    journal = Journal(tmp_path / "sub" / "j.jsonl")
    assert journal.read() == {}
    journal.append("a", verdict())
    journal.append("b", verdict(1, Verdict.AC, test=None))
    assert journal.read() == {"a": verdict(), "b": verdict(1, Verdict.AC, test=None)}


def test_an_internal_error_is_not_kept(tmp_path):
    journal = Journal(tmp_path / "j.jsonl")
    journal.append("a", verdict(kind=Verdict.IE))
    assert journal.read() == {}


@given(st.data())
def test_a_cut_line_costs_itself_alone(tmp_path_factory, data):
    journal = Journal(tmp_path_factory.mktemp("j") / "j.jsonl")
    for number in range(3):
        journal.append(str(number), verdict(number))
    whole = journal.path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    journal.path.write_bytes(whole[:cut])
    before = len(journal.read())
    assert before >= whole[:cut].count(b"\n")
    journal.append("new", verdict(9))
    assert journal.read()["new"] == verdict(9)
    assert len(journal.read()) == before + 1


@pytest.mark.parametrize("line", ["{}", "[]", "1", "null", '{"key": "a", "verdict": "??"}', "\xff"])
def test_foreign_lines_are_passed_over(tmp_path, line):
    journal = Journal(tmp_path / "j.jsonl")
    journal.path.write_bytes(line.encode("latin-1") + b"\n")
    journal.append("a", verdict())
    assert list(journal.read()) == ["a"]


def _write(path, name):
    journal = Journal(path)
    for number in range(200):
        journal.append(f"{name}-{number}", verdict(number, message="x" * 300))


@pytest.mark.process
def test_processes_share_a_file(tmp_path):
    path = tmp_path / "j.jsonl"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(path, name)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(Journal(path).read()) == 400
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_full_disk_is_one_line_and_leaves_no_half_line():
    journal = Journal(Path("/dev/full"))
    with pytest.raises(InfrastructureError, match="No space left"):
        journal.append("a", verdict())


@given(st.lists(st.text(), min_size=1), st.lists(st.text(), min_size=1))
def test_keys_differ_where_parts_do(a, b):
    assert (key_of(*a) == key_of(*b)) == (a == b)
