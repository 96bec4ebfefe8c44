import hashlib
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.process


@pytest.fixture
def run(tmp_path, lcb_rows, state):
    lcb_rows.write(tmp_path / "data" / "test6.jsonl", [lcb_rows.make(), lcb_rows.make("3194")])

    def run(action, *arguments, data=tmp_path / "data"):
        command = [sys.executable, "-m", "ssd_harness", "data", action, *arguments]
        command += ["--data", str(data)] if data else []
        environment = {**os.environ, "SSD_HARNESS_HOME": str(state), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)

    return run


def test_info_says_files_sizes_counts_checksums_and_errata(run, tmp_path):
    process = run("info")
    assert process.returncode == 0, process.stderr
    here = (tmp_path / "data" / "test6.jsonl").stat().st_size
    assert f"test6.jsonl: 175 rows, 134,303,240 bytes; {here:,} bytes here" in process.stdout
    assert "GB" not in process.stdout
    assert "2 problems (2 easy)" in process.stdout
    assert "sha256" in process.stdout
    assert "3194" in process.stdout
    assert "warning: not the official data: test6.jsonl has" in process.stdout
    assert "release_v6, window v6 (2025-02..2025-05) should have 131 problems" in process.stdout


def test_info_without_data_says_how_to_get_it(run):
    process = run("info", data=None)
    assert process.returncode == 0
    assert "test6.jsonl: 175 rows, 134,303,240 bytes; missing\n" in process.stdout
    assert "missing: test6.jsonl; run `ssd-harness data fetch" in process.stdout


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
    assert "cannot decode the tests of 1 of 2 problems" in process.stderr
    assert "private_test_cases of bad" in process.stdout


def test_verify_reads_again_what_kept_its_size_and_time(run, tmp_path):
    path = tmp_path / "data" / "test6.jsonl"
    before = path.stat()
    assert "has changed since" not in run("verify").stdout
    path.write_bytes(path.read_bytes().replace(b"the sum", b"the sun"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "test6.jsonl has changed since it was indexed" in run("verify").stdout
    assert "has changed since" not in run("verify").stdout


def test_verify_compares_with_the_checksum_of_the_hub(run, tmp_path):
    path = tmp_path / "data" / "test6.jsonl"
    content = path.read_bytes()
    blob = path.with_name(hashlib.sha256(content).hexdigest())
    path.rename(blob)
    path.symlink_to(blob)  # as the Hub's cache keeps it
    assert "expected sha256" not in run("verify").stderr
    blob.write_bytes(content + content[: content.index(b"\n") + 1].replace(b"q1", b"q9"))
    process = run("verify")
    assert process.returncode == 3
    assert f"expected sha256 {blob.name[:12]}… (the Hub's)" in process.stderr


def test_fetch_without_a_network_is_one_line(run):
    process = run("fetch", data=None)
    assert process.returncode == 3
    assert process.stderr.count("ssd-harness: error: cannot download test6.jsonl (0.13 GB)") == 1
    assert "Traceback" not in process.stderr


def test_a_release_is_not_a_window(run):
    process = run("info", "--window", "release_v6")
    assert process.returncode == 2
    assert "--release v6 --window all" in process.stderr


def test_help_names_what_verify_refuses_and_its_exit_code(run):
    said = " ".join(run("--help", data=None).stdout.split())
    assert "`verify` exits with code 3" in said
    assert "if a file is not the official one of the pinned revision (by its sha256)" in said


@pytest.mark.lcb
def test_the_size_of_a_real_part_of_the_data_is_its_own(run, lcb_fixtures):
    folder = lcb_fixtures / "code_generation_lite"
    process = run("info", data=folder)
    assert "134,303,240 bytes; 369,920 bytes here" in process.stdout
    assert "warning: not the official data" in process.stdout
    assert run("verify", data=folder).returncode == 3
