import hashlib
import os
import subprocess
import sys

import pytest


@pytest.fixture
def run(tmp_path, lcb_rows, state):
    lcb_rows.write(tmp_path / "data" / "test6.jsonl", [lcb_rows.make(), lcb_rows.make("3194")])

    def run(action, *arguments, data=tmp_path / "data"):
        command = [sys.executable, "-m", "ssd_harness", "data", action, *arguments]
        command += ["--data", str(data)] if data else []
        environment = {**os.environ, "SSD_HARNESS_HOME": str(state), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)

    return run


def test_info_says_files_counts_checksums_and_errata(run):
    process = run("info")
    assert process.returncode == 0, process.stderr
    assert "test6.jsonl: 175 rows" in process.stdout
    assert "2 problems (2 easy)" in process.stdout
    assert "sha256" in process.stdout
    assert "3194" in process.stdout
    assert "warning: not the official data: test6.jsonl has" in process.stdout
    assert "release_v6, window v6 (2025-02..2025-05) should have 131 problems" in process.stdout


def test_info_without_data_says_how_to_get_it(run):
    process = run("info", data=None)
    assert process.returncode == 0
    assert "not here yet: test6.jsonl; run `ssd-harness data fetch" in process.stdout


def test_verify_decodes_every_test(run, tmp_path, lcb_rows):
    partial = run("verify")
    assert "all tests of 2 problems" in partial.stdout
    assert partial.returncode == 3
    assert "not the official data: test6.jsonl has" in partial.stderr
    assert "175 rows in 134,303,240 bytes" in partial.stderr
    rows = [lcb_rows.make(), lcb_rows.make("bad", private_test_cases="!")]
    lcb_rows.write(tmp_path / "data" / "test6.jsonl", rows)
    process = run("verify")
    assert process.returncode == 3
    assert "the tests of 1 of 2 problems cannot be read" in process.stderr
    assert "private_test_cases of bad" in process.stdout


def test_verify_reads_again_what_kept_its_size_and_time(run, tmp_path):
    path = tmp_path / "data" / "test6.jsonl"
    before = path.stat()
    assert "is not what it was" not in run("verify").stdout
    path.write_bytes(path.read_bytes().replace(b"the sum", b"the sun"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "test6.jsonl is not what it was when it was first read" in run("verify").stdout
    assert "is not what it was" not in run("verify").stdout


def test_verify_compares_with_the_checksum_of_the_hub(run, tmp_path):
    path = tmp_path / "data" / "test6.jsonl"
    content = path.read_bytes()
    blob = path.with_name(hashlib.sha256(content).hexdigest())
    path.rename(blob)
    path.symlink_to(blob)  # as the Hub's cache keeps it
    assert "the Hub's is" not in run("verify").stderr
    blob.write_bytes(content + content[: content.index(b"\n") + 1].replace(b"q1", b"q9"))
    process = run("verify")
    assert process.returncode == 3
    assert "the Hub's is " + blob.name[:12] in process.stderr


def test_fetch_without_a_network_is_one_line(run):
    process = run("fetch", data=None)
    assert process.returncode == 3
    assert process.stderr.count("ssd-harness: error: cannot fetch test6.jsonl (0.13 GB)") == 1
    assert "Traceback" not in process.stderr


def test_a_release_is_not_a_window(run):
    process = run("info", "--window", "release_v6")
    assert process.returncode == 2
    assert "--release v6 --window all" in process.stderr
