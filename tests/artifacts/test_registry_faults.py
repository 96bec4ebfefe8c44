"""Lost manifests and weights, a full disk, several processes and several users: one line, never a broken checkpoint."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from ssd_harness import storage
from ssd_harness.artifacts import registry
from ssd_harness.errors import InfrastructureError, SsdError, UsageError

MANIFEST = {"fingerprint": "f" * 64, "base": {"name": "b"}, "recipe": {}, "rounds": []}
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user and mounting a disk need root")


def folder_of(parent, name):
    folder = parent / name
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights of " + name.encode())
    return folder


@pytest.fixture
def make(state, tmp_path):
    """Register a small fake checkpoint."""

    def register(name, fingerprint="f" * 64, parent=None):
        manifest = {**MANIFEST, "fingerprint": fingerprint, "parent": parent}
        return registry.register(name, folder_of(tmp_path, f"work-{name}"), manifest)

    return register


def edited(**fields):
    return json.dumps({**MANIFEST, **fields})


@pytest.mark.parametrize(
    "content",
    [
        *(None, "", "[1]", '{"name": "one"}', '{"a":' * 100_000),
        *(
            edited(fingerprint=5),
            edited(base="b"),
            edited(recipe=None),
            edited(files=["x"]),
            edited(rounds={}),
            edited(rounds=[1]),
            edited(rounds=[None]),
            edited(rounds=[{"train": 5}]),
            edited(files={"model.safetensors": "7"}),
            edited(base={"name": "\ud800"}),
            edited(fingerprint="../x"),
        ),
    ],
)
def test_a_folder_without_its_manifest_is_one_line_and_stands_in_nobodys_way(make, tmp_path, content):
    make("one")
    make("two", fingerprint="a" * 64)
    path = registry.models_folder() / "one" / "ssd_manifest.json"
    path.unlink() if content is None else path.write_text(content)
    assert [checkpoint.name for checkpoint in registry.checkpoints()] == ["two"]
    assert [name for name, _ in registry.broken()] == ["one"]
    assert registry.find("f" * 64) is None
    work = folder_of(tmp_path, "new")
    for use in (
        lambda: registry.get("ssd:one"),
        lambda: registry.check_free("one", "f" * 64),
        lambda: registry.register("one", work, MANIFEST),
        lambda: registry.remove("one"),
    ):
        with pytest.raises(InfrastructureError, match=r"manifest.*models remove one --force") as error:
            use()
        assert "\n" not in str(error.value)
    with pytest.raises(UsageError, match="called 'one' already"):
        registry.rename("two", "one")
    assert (work / "model.safetensors").exists()
    assert registry.remove("one", force=True) > 0
    assert registry.broken() == []


def test_a_checkpoint_that_lost_weights_is_neither_used_nor_made_again_over_it(make):
    made = make("one")
    (made.path / "model.safetensors").write_bytes(b"half")
    for use in (lambda: registry.get("one"), lambda: registry.find("f" * 64)):
        with pytest.raises(InfrastructureError, match=r"has lost model\.safetensors.*models remove one"):
            use()
    assert registry.broken() == [("one", "lost model.safetensors")]
    registry.remove("one")
    assert registry.find("f" * 64) is None


def test_what_removing_frees_is_what_no_other_name_holds(make):
    made = make("one")
    assert registry.own_bytes(made) == made.bytes > 0
    second = registry.alias(made, "two")
    assert second.bytes == made.bytes
    assert registry.own_bytes(second) == registry.own_bytes(made) == registry.remove("two") == 0
    size = made.bytes
    assert registry.own_bytes(made) == size == registry.remove("one")
    assert not list((registry.models_folder().parent / "checkpoints").iterdir())


def move(checkpoint, target):
    """Move a checkpoint to another disk, as its user would, and let its name point there."""
    checkpoint.path.resolve().rename(target)
    checkpoint.path.unlink()
    checkpoint.path.symlink_to(target)


def test_a_checkpoint_on_another_disk_is_one_and_stays_there_when_its_link_is_removed(make, tmp_path):
    move(make("one"), tmp_path / "elsewhere")
    link = registry.models_folder() / "one"
    assert registry.get("one").bytes > registry.own_bytes(registry.get("one")) == 0
    assert registry.find("f" * 64).name == "one"
    assert registry.rename("one", "two").name == "two"
    assert registry.remove("two") == 0
    assert registry.checkpoints() == []
    assert (tmp_path / "elsewhere" / "model.safetensors").exists()
    link.symlink_to(tmp_path / "nowhere")
    assert registry.broken() == [("one", "lost its manifest")]
    with pytest.raises(InfrastructureError, match="models remove one --force"):
        registry.remove("one")
    assert registry.remove("one", force=True) == 0


def test_of_two_copies_the_whole_one_is_found(make, tmp_path):
    move(make("one"), tmp_path / "elsewhere")
    make("two")
    (tmp_path / "elsewhere" / "model.safetensors").unlink()
    assert registry.find("f" * 64).name == "two"


def test_what_a_run_under_way_samples_from_is_not_removed_silently(make, state):
    make("parent")
    run = state / "training" / ("c" * 16)
    run.mkdir(parents=True)
    (run / "plan.json").write_text(json.dumps({"parent": "f" * 64}))
    with pytest.raises(UsageError, match="the unfinished run cccccccccccccccc was made from"):
        registry.remove("parent")
    make("child", fingerprint="c" * 64, parent="f" * 64)
    with pytest.raises(UsageError, match="'parent' is what child was made from"):
        registry.remove("parent")
    # While the same checkpoint has another name, nobody loses anything.
    registry.alias(registry.get("parent"), "also")
    registry.remove("parent")


def test_a_renamed_parent_stays_the_parent(make):
    make("parent")
    make("child", fingerprint="c" * 64, parent="f" * 64)
    assert registry.children(registry.rename("parent", "mother")) == ["child"]
    assert registry.get("mother").name == "mother"


@pytest.mark.process
@AS_ROOT
def test_a_folder_moves_to_another_file_system_whole_or_not_at_all(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        work = folder_of(tmp_path, "work")
        (work / "large.bin").write_bytes(os.urandom(400_000))
        with pytest.raises(InfrastructureError, match="No space left on device"):
            storage.move_folder(work, disk / "one")
        assert list(disk.iterdir()) == []
        (work / "large.bin").write_bytes(b"small")
        storage.move_folder(work, disk / "one")
        assert (disk / "one" / "large.bin").read_bytes() == b"small"
        assert not work.exists()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_disk_that_fills_while_a_name_is_added_leaves_no_trace(make, monkeypatch):
    made = make("one")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "symlink", full)
        with pytest.raises(InfrastructureError, match="No space left on device"):
            registry.alias(made, "two")
    assert [path.name for path in registry.models_folder().iterdir() if path.is_dir()] == ["one"]
    assert registry.alias(made, "two").name == "two"


def test_a_disk_that_turns_out_full_when_files_are_brought_to_it_registers_nothing(state, tmp_path, monkeypatch):
    work = folder_of(tmp_path, "work")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InfrastructureError, match="No space left on device"):
            registry.register("one", work, MANIFEST)
    assert registry.checkpoints() == []
    assert registry.register("one", work, MANIFEST).name == "one"


def test_what_is_registered_is_readable_as_usual_and_a_linked_original_stays_as_it_was(state, tmp_path):
    work, original = folder_of(tmp_path, "work"), tmp_path / "original.safetensors"
    original.write_bytes(b"theirs")
    os.link(original, work / "linked.safetensors")
    for file in work.iterdir():
        file.chmod(0o600)
    made = registry.register("one", work, MANIFEST)
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    assert (made.path / "model.safetensors").stat().st_mode == ordinary.stat().st_mode
    assert original.stat().st_mode & 0o777 == 0o600


KILLED = """
import os, signal
from pathlib import Path
from ssd_harness import storage
from ssd_harness.artifacts import registry
from ssd_harness.artifacts.layout import models_folder

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

"""


def killed(script):
    died = subprocess.run([sys.executable, "-c", KILLED + script], capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr


IMPORT = """
with storage.scratch_folder(models_folder() / f".two.{os.getpid()}") as scratch:
    (scratch / "model.safetensors").write_bytes(b"half")
    die()
"""


@pytest.mark.process
def test_what_a_killed_process_leaves_goes_with_the_next_change_and_a_living_ones_stays(make, tmp_path, monkeypatch):
    make("one")
    models = registry.models_folder()
    killed(IMPORT)
    (left,) = models.glob(".two.*")
    assert [path.name for path in left.iterdir()] == ["model.safetensors"]
    (models / ".mine").mkdir()
    with storage.scratch_folder(models / ".three.12345") as living:
        make("four", fingerprint="4" * 64)
        assert left.exists()  # it may be so new that nobody holds it yet
        monkeypatch.setattr(storage, "_UNPROTECTED_S", -1.0)
        make("five", fingerprint="5" * 64)
        assert not left.exists()
        assert living.exists()
    assert not living.exists()
    assert {path.name for path in models.iterdir()} == {".lock", ".mine", "one", "four", "five"}


@pytest.mark.process
def test_a_kill_between_a_checkpoint_and_its_name_loses_neither(state, tmp_path):
    folder_of(tmp_path, "work")
    killed(f"registry.point = die; registry.register('one', Path({str(tmp_path / 'work')!r}), {MANIFEST})")
    assert registry.checkpoints() == []
    (unnamed,) = registry.nameless()
    found = registry.find("f" * 64)
    assert (found.name, found.path) == ("", unnamed)
    assert registry.alias(found, "mine").fingerprint == "f" * 64
    assert registry.find("f" * 64).name == "mine"
    assert registry.nameless() == []


@pytest.mark.process
def test_a_kill_in_the_middle_of_a_removal_leaves_a_name_that_says_so(make, monkeypatch):
    make("one")
    killed("Path.unlink = die; registry.remove('one')")
    assert registry.broken() == [("one", "lost its manifest")]
    assert registry.find("f" * 64) is None
    assert registry.remove("one", force=True) == 0
    monkeypatch.setattr(storage, "_UNPROTECTED_S", -1.0)
    make("one")
    assert [path.name for path in (registry.models_folder().parent / "checkpoints").iterdir()] == ["f" * 16]


def test_many_at_once_register_one_checkpoint_a_name(state, tmp_path):
    folders = [folder_of(tmp_path, f"work-{number}") for number in range(8)]
    outcomes = []

    def register(number):
        try:
            registry.register("one", folders[number], {**MANIFEST, "fingerprint": f"{number}" * 64})
            outcomes.append(number)
        except SsdError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=register, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert len(winners) == 1
    assert registry.get("one").fingerprint == f"{winners[0]}" * 64
    assert sum("belongs to a checkpoint of another recipe" in str(outcome) for outcome in outcomes) == 7


@AS_ROOT
def test_another_user_reads_a_shared_cache_and_is_told_what_forbids_writing(shared, as_nobody):
    registry.register("one", folder_of(shared, "work"), MANIFEST)
    assert as_nobody(lambda: registry.get("one").fingerprint) == "f" * 64
    for change in (lambda: registry.remove("one"), lambda: registry.rename("one", "two")):
        said = as_nobody(change)
        assert said.startswith("InfrastructureError: cannot write: Permission denied")
        assert "permission from root" in said
        assert "SSD_HARNESS_HOME" in said
    (registry.models_folder() / "one" / "ssd_manifest.json").chmod(0o600)
    assert "Permission denied" in as_nobody(lambda: registry.get("one"))
    assert as_nobody(registry.checkpoints) == "[]"
    registry.models_folder().chmod(0o700)
    assert as_nobody(registry.checkpoints).startswith("InfrastructureError: cannot read the checkpoints: Permission")


@AS_ROOT
def test_two_users_with_a_common_group_work_in_one_cache(shared, as_nobody):
    before = os.umask(0o002)
    try:
        registry.register("one", folder_of(shared, "work"), MANIFEST)
        for folder in (registry.models_folder(), registry.models_folder().parent / "checkpoints"):
            folder.chmod(0o2775)
        theirs = shared / "theirs"
        theirs.mkdir()
        shutil.chown(theirs, 65534, os.getgid())

        def register():
            work = folder_of(theirs, "two")
            return registry.register("two", work, {**MANIFEST, "fingerprint": "a" * 64}).name

        assert as_nobody(register) == "two"
        assert as_nobody(lambda: registry.rename("one", "uno").name) == "uno"
        assert registry.remove("two") > 0
    finally:
        os.umask(before)
