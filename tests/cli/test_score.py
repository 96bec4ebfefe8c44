import base64
import json
import os
import pickle
import shlex
import subprocess
import sys
import zlib

import pytest

from ssd_harness.cli.main import main

pytestmark = pytest.mark.process

ADD = "a, b = map(int, input().split())\nprint(a + b)"
WRONG = "print(3)"


@pytest.fixture
def data(tmp_path, lcb_rows):
    """A small release: two problems inside of the window v6, one outside."""
    functional = [{"input": "[1, 2]", "output": "3", "testtype": "functional"}]
    rows = [
        lcb_rows.make("add"),
        lcb_rows.make(
            "sum",
            difficulty="hard",
            starter_code="class Solution:\n    def total(self, a):\n        ",
            metadata='{"func_name": "total"}',
            public_test_cases=json.dumps(functional),
            private_test_cases=lcb_rows.encode(functional),
        ),
        lcb_rows.make("early", contest_date="2025-01-10T00:00:00"),
    ]
    lcb_rows.write(tmp_path / "data" / "test6.jsonl", rows)
    return tmp_path / "data"


@pytest.fixture
def score(tmp_path, data, state):
    """Run the real command; returns the finished process."""

    def run(samples, *arguments, out="out", window="v6", release="test6"):
        file = tmp_path / "samples.jsonl"
        if isinstance(samples, bytes):
            file.write_bytes(samples)
        elif samples is not None:
            file.write_text("".join(json.dumps(row) + "\n" for row in samples))
        command = [sys.executable, "-m", "ssd_harness", "score", str(file), "--data", str(data), "--release", release]
        command += ["--window", window, "--out", str(tmp_path / out), *arguments]
        environment = {**os.environ, "SSD_HARNESS_HOME": str(state), "PYTHONUTF8": "1"}
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)

    return run


def fails(process, code, *parts):
    """Check for one line on stderr that starts as ours do, and the exit code; nothing ran."""
    lines = [line for line in process.stderr.splitlines() if line.startswith("ssd-harness: error: ")]
    assert len(lines) == 1, process.stderr
    assert "Traceback" not in process.stderr
    assert process.returncode == code, process.stderr
    for part in parts:
        assert part in lines[0]


ONE = [{"question_id": "add", "code": ADD}]


@pytest.mark.parametrize("window", ["v7", "release_v6", "2025-05..2025-02", "2025-5..2025-06"])
def test_unknown_window(score, window):
    fails(score(ONE, window=window), 2, window)


def test_unknown_release(score):
    fails(score(ONE, release="v9"), 2, "v9", "v1, v2")


def test_missing_data_file(score, data):
    (data / "test6.jsonl").unlink()
    fails(score(ONE), 3, "missing", str(data / "test6.jsonl"))


def test_missing_data_folder(score):
    fails(score(ONE, "--data", "/nowhere/at/all"), 2, "/nowhere/at/all", "does not exist")


def test_broken_data_line(score, data):
    with (data / "test6.jsonl").open("a") as stream:
        stream.write('{"question_id": "x",\n')
    fails(score(ONE), 3, "not valid JSON", "test6.jsonl:4")


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        (b'{"question_id": "add", "code": "x"}\n{"question_id":\n', ["broken line", "samples.jsonl:2"]),
        (b'{"question_id": "add"}\n', ["without a program", "samples.jsonl:1"]),
        (b"\x89PNG\r\n\x1a\n\x00\xff\n", ["binary", "samples.jsonl:1"]),
        (b'{"question_id": "add", "code": "\xff\xfe"}\n', ["binary", "samples.jsonl:1"]),
        (b"", ["no samples"]),
    ],
)
def test_bad_samples_are_refused_before_anything_runs(score, row, parts, tmp_path):
    fails(score(row), 2, *parts)
    assert not (tmp_path / "out").exists()


def test_absent_samples(score):
    fails(score(None), 2, "cannot read", "samples.jsonl")


def test_unknown_problems_are_counted_and_the_first_few_named(score):
    rows = [*ONE, *({"question_id": f"no{n}", "code": "x"} for n in range(7))]
    process = score(rows, "--strict")
    fails(process, 2, "7 question ids", "'no0', 'no1', 'no2', 'no3', 'no4', ...", "samples.jsonl:2")
    assert "no5" not in process.stderr


def test_a_file_of_nothing_but_unknown_problems_is_refused(score):
    fails(score([{"question_id": "no", "code": "x"}]), 2, "1 question id is", "'no'")


@pytest.mark.docker
@pytest.mark.usefixtures("docker_sandbox")
def test_unknown_problems_beside_others_are_left_out_and_counted(score, tmp_path):
    process = score([*ONE, {"question_id": "no", "code": "x"}, {"question_id": "early", "code": "x"}])
    assert process.returncode == 0, process.stderr
    assert "warning: 1 question id is not in" in process.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["unknown_problems"], summary["samples_outside_of_window"]) == (["no"], 1)
    assert (summary["schema_version"], summary["all"]["samples"]) == (1, 1)
    (row,) = map(json.loads, (tmp_path / "out" / "verdicts.jsonl").read_text().splitlines())
    assert (row["schema_version"], row["verdict"], row["code"]) == (1, "AC", ADD)


def test_all_samples_outside_of_the_window(score):
    fails(score([{"question_id": "early", "code": "x"}]), 2, "outside of")


@pytest.mark.parametrize(
    "arguments", [["--workers", "0"], ["--judge", "mine"], ["--tests", "some"], ["--sandbox", "vm"]]
)
def test_options_that_make_no_sense(score, arguments):
    process = score(ONE, *arguments)
    assert process.returncode == 2
    assert "Traceback" not in process.stderr


def test_an_output_folder_that_cannot_be(score, tmp_path):
    (tmp_path / "file").write_text("")
    fails(score(ONE, out="file/out"), 3, "cannot write", "file/out")


def test_an_output_folder_in_a_place_where_none_can_be(score):
    fails(score(ONE, out="/proc/out"), 3, "cannot write", "/proc/out")


def test_no_engine(score, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    fails(score(ONE, "--sandbox", "docker"), 3)


def test_no_image(score):
    fails(score(ONE, "--sandbox", "process"), 3, "is missing", "ssd-harness sandbox build --sandbox process")


class Call:
    """A pickle of this creates a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.docker
@pytest.mark.usefixtures("docker_sandbox")
class TestWithDocker:
    """What a run writes and prints."""

    ROWS = (
        {"question_id": "add", "code": ADD},
        {"question_id": "add", "output": f"```python\n{WRONG}\n```"},
        {"question_id": "sum", "code_list": ["class Solution:\n    def total(self, a):\n        return sum(a)", ""]},
        {"question_id": "early", "code": "x"},
    )

    def test_results(self, score, tmp_path, capsys):
        process = score(self.ROWS)
        assert process.returncode == 0, process.stderr
        rows = [json.loads(line) for line in (tmp_path / "out" / "verdicts.jsonl").read_text().splitlines()]
        assert [(r["question_id"], r["sample"], r["verdict"], r["passed"]) for r in rows] == [
            ("add", 0, "AC", True),
            ("add", 1, "WA", False),
            ("sum", 0, "AC", True),
            ("sum", 1, "NO_CODE", False),
        ]
        assert rows[1]["test"] == 2
        assert {"cpu_s", "wall_s", "message", "difficulty"} <= set(rows[0])
        summary = json.loads((tmp_path / "out" / "summary.json").read_text())
        assert summary["all"] == pytest.approx(
            {"problems": 2, "samples": 4, "passed": 2, "pass@1": 0.5, "pass@1_stderr": 0.0}
        )
        assert summary["samples_outside_of_window"] == 1
        assert summary["data"]["files"]["test6.jsonl"]["rows"] == 3
        assert summary["scoring"]["sandbox"]["fingerprint"]
        assert summary["software"]["source"]
        assert process.stdout.split("\n")[0].split() == ["problems", "programs", "pass@1"]
        assert process.stdout.count("pass@5 and pass@10 left out: some problem has only 2 samples") == 1
        assert process.stdout.count("pass@5") == 1
        assert {"atcoder", "2025-03"} <= set(process.stdout.split())
        assert "truncated unknown" in process.stdout
        assert "50.0" in process.stdout
        (line,) = [line for line in process.stderr.splitlines() if line.startswith("intervals: ")]
        program, *words = shlex.split(line.removeprefix("intervals: ").partition(" (")[0])
        assert program == "ssd-harness"
        assert main(words) == 0
        assert "over 2 problems" in capsys.readouterr().out

    def test_a_second_run_judges_nothing_and_says_the_same(self, score, tmp_path):
        score(self.ROWS)
        first = (tmp_path / "out" / "verdicts.jsonl").read_bytes()
        process = score(self.ROWS)
        assert process.returncode == 0
        assert (tmp_path / "out" / "verdicts.jsonl").read_bytes() == first
        assert json.loads((tmp_path / "out" / "summary.json").read_text())["judged_now"] == 0
        assert score(self.ROWS, "--judge", "stdio").returncode == 0
        assert json.loads((tmp_path / "out" / "summary.json").read_text())["judged_now"] == 4

    def test_a_killed_run_goes_on(self, score, tmp_path):
        score(self.ROWS)
        journal = tmp_path / "out" / "verdicts.journal.jsonl"
        lines = journal.read_bytes().splitlines(keepends=True)
        journal.write_bytes(b"".join(lines[:2]) + lines[2][:40])
        (tmp_path / "out" / "summary.json").unlink()
        assert score(self.ROWS).returncode == 0
        assert json.loads((tmp_path / "out" / "summary.json").read_text())["judged_now"] == 2

    def test_private_tests_that_cannot_be_decoded_leave_the_others_judged(self, score, data, lcb_rows, tmp_path):
        def packed(content):
            return base64.b64encode(content).decode()

        blobs = {
            "text": "%%%",
            "no_zlib": packed(b"hello"),
            "no_pickle": packed(zlib.compress(b"hello")),
            "call": packed(zlib.compress(pickle.dumps(Call(tmp_path / "called")))),
        }
        rows = [lcb_rows.make("add"), *(lcb_rows.make(name, private_test_cases=blob) for name, blob in blobs.items())]
        lcb_rows.write(data / "test6.jsonl", rows)
        process = score([{"question_id": name, "code": ADD} for name in ("add", *blobs)])
        fails(
            process,
            3,
            "4 of 5 programs have no verdict (IE): text#0, no_zlib#0",
            "test6.jsonl:2",
            "download the file again",
        )
        assert not (tmp_path / "called").exists()
        verdicts = [json.loads(line) for line in (tmp_path / "out" / "verdicts.jsonl").read_text().splitlines()]
        assert {row["question_id"]: row["verdict"] for row in verdicts} == {"add": "AC", **dict.fromkeys(blobs, "IE")}
        kept = [json.loads(line) for line in (tmp_path / "out" / "verdicts.journal.jsonl").read_text().splitlines()]
        assert [(row["question_id"], row["verdict"]) for row in kept] == [("add", "AC")]
        assert json.loads((tmp_path / "out" / "summary.json").read_text())["complete"] is False

    def test_strange_programs_are_wrong_and_never_an_error(self, score, tmp_path):
        codes = [
            "",
            "\x00",
            "\ud800",
            "print('\ud800')",
            "\ufeff" + ADD,
            "x" * 100_000,
            "\x7fELF\x01\x00\xff",
            "\r\n\t",
        ]
        process = score([{"question_id": "add", "code_list": codes}])
        assert process.returncode == 0, process.stderr
        rows = [json.loads(line) for line in (tmp_path / "out" / "verdicts.jsonl").read_text().splitlines()]
        assert len(rows) == len(codes)
        assert all(row["verdict"] in {"NO_CODE", "CE", "RE", "WA", "AC"} for row in rows)

    def test_disk_full(self, score, tmp_path):
        if os.geteuid() != 0:
            pytest.skip("mounting a small file system needs root")
        out = tmp_path / "out"
        out.mkdir()
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(out)], check=False)
        if mount.returncode:
            pytest.skip("this machine lets nobody mount a file system")
        rows = [{"question_id": "add", "code": f"{ADD} # {n}"} for n in range(60)]
        try:
            process = score(rows)
            fails(process, 3, "No space left", "finished work is kept")
            kept = (out / "verdicts.journal.jsonl").read_bytes()
            assert kept.endswith(b"\n")
            assert 5 < kept.count(b"\n") < 60
            subprocess.run(["mount", "-o", "remount,size=4m", str(out)], check=True)
            assert score(rows).returncode == 0
            summary = json.loads((out / "summary.json").read_text())
            assert (summary["judged_now"], summary["all"]["passed"]) == (60 - kept.count(b"\n"), 60)
        finally:
            subprocess.run(["umount", str(out)], check=True)

    def test_nothing_heavy_is_imported(self, tmp_path, data, state):
        (tmp_path / "s.jsonl").write_text(json.dumps(ONE[0]))
        code = (
            "import sys; from ssd_harness.cli.main import main\n"
            f"code = main(['score', {str(tmp_path / 's.jsonl')!r}, '--data', {str(data)!r}, '--release', 'test6', "
            f"'--out', {str(tmp_path / 'out')!r}])\n"
            "heavy = {'torch', 'lm_eval', 'transformers', 'datasets', 'huggingface_hub', 'numpy'} & set(sys.modules)\n"
            "sys.exit(code or (f'imported: {heavy}' if heavy else 0))"
        )
        environment = {**os.environ, "SSD_HARNESS_HOME": str(state)}
        process = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=300, check=False
        )
        assert process.returncode == 0, process.stderr
