import re

import pytest

from ssd_harness.errors import InfrastructureError
from ssd_harness.sandbox.image import base, contents


@pytest.fixture
def copies(tmp_path, monkeypatch):
    """Copies of the files that the fingerprint covers."""
    for name in ("PACKAGES", "DOCKERFILE", "PACKAGES_DOCKERFILE", "BYTE_CODE"):
        original = getattr(contents, name)
        copy = tmp_path / original.name
        copy.write_bytes(original.read_bytes())
        monkeypatch.setattr(contents, name, copy)
    worker = tmp_path / "worker"
    contents.write_worker(worker)
    monkeypatch.setattr(contents, "_WORKER", worker / "ssd_harness" / "sandbox" / "worker")
    yield tmp_path
    contents.fingerprint.cache_clear()
    contents.packages_fingerprint.cache_clear()


def fingerprints():
    contents.fingerprint.cache_clear()
    contents.packages_fingerprint.cache_clear()
    return contents.fingerprint(), contents.packages_fingerprint()


def test_the_worker_is_copied_whole(copies):
    original = contents.fingerprint.__wrapped__()
    assert fingerprints()[0] == original
    names = {path.name for path in contents.worker_sources()}
    assert {"broker.py", "zygote.py", "lcb_stdin.py", "__main__.py"} <= names


@pytest.mark.parametrize("name", ["packages.txt", "Dockerfile.packages", "byte_code.py"])
def test_what_programs_see_changes_both_fingerprints(copies, name):
    before = fingerprints()
    (copies / name).write_text((copies / name).read_text() + "\n# changed\n")
    after = fingerprints()
    assert before[0] != after[0]
    assert before[1] != after[1]


@pytest.mark.parametrize("name", ["Dockerfile", "worker/ssd_harness/sandbox/worker/child.py"])
def test_the_worker_changes_only_its_own(copies, name):
    before = fingerprints()
    (copies / name).write_text((copies / name).read_text() + "\n# changed\n")
    after = fingerprints()
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_every_package_is_pinned_exactly():
    assert contents.packages()
    assert all(re.fullmatch(r"\d+(\.\w+)+", version) for version in contents.packages().values())


def test_without_mmdebstrap_the_next_step_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InfrastructureError, match="apt-get install mmdebstrap"):
        base.make_base(tmp_path / "base.tar")


@pytest.mark.process
def test_a_failing_pip_is_one_line(tmp_path, monkeypatch):
    listing = tmp_path / "packages.txt"
    listing.write_text("no-such-package-of-ours==1.0\n")
    monkeypatch.setattr(contents, "PACKAGES", listing)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(InfrastructureError, match="cannot download the sandbox's packages") as raised:
        contents.write_packages(tmp_path)
    assert "\n" not in str(raised.value)
