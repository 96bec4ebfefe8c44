import fcntl
import functools
import json
import os
import subprocess
import sys
import time

import pytest

from ssd_harness import storage
from ssd_harness.artifacts import registry
from ssd_harness.artifacts.generation_store import GenerationStore
from ssd_harness.cli.main import main
from ssd_harness.engines.contracts import Continuation, GenerationRequest, Stop
from ssd_harness.errors import ExitCode
from ssd_harness.home import home

BASE = "sha256 base"


def run_of(fingerprint, *stages, size=1000, source=None):
    """Leave what a run leaves that has finished so many stages; its samples may be another run's."""
    folder = home() / "runs" / fingerprint[:16]
    for stage in stages:
        (folder / "round-1" / stage).mkdir(parents=True)
        (folder / "round-1" / stage / "manifest.json").write_text("{}")
    shard = folder / "round-1" / "sample" / "samples-00000.parquet"
    if source:
        os.link(source / "round-1" / "sample" / "samples-00000.parquet", shard)
    else:
        shard.write_bytes(bytes(size))
    (folder / "round-1" / "sample" / "job.json").write_text(json.dumps({"identity": "i" + fingerprint}))
    (folder / "run.json").write_text(json.dumps({"base": {"name": "org/model", "weights": BASE}}))
    (folder / "lock").touch()
    return folder


def checkpoint_of(fingerprint, name):
    folder = home() / "work"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    return registry.register(name, folder, {"fingerprint": fingerprint, "base": {"weights": BASE}})


def generations_of(weights):
    store = GenerationStore({"weights": weights})
    store.append(Continuation(GenerationRequest("q", 0, (1,)), (2, 3), Stop.EOS))
    return store.folder


STAGES = ("sample", "filter", "train")


@pytest.fixture
def stored(state):
    """One of each kind: what is needed, what is not, and what may have been given up."""
    made, gone = checkpoint_of("a" * 64, "kept"), checkpoint_of("b" * 64, "removed")
    folders = {
        "made": run_of("a" * 64, *STAGES),
        "gone": run_of("b" * 64, *STAGES, size=5_000_000),
        "begun": run_of("c" * 64, "sample", "filter", size=7000),
        "answers": generations_of(made.weights),
        "answers gone": generations_of(gone.weights),
        "answers of the base": generations_of(BASE),
        "answers of another model": generations_of("commit 123"),
    }
    registry.remove("removed")
    return folders


def left(stored):
    return {name for name, folder in stored.items() if folder.exists()}


def test_the_list_says_who_needs_what(stored, capsys):
    assert main(["cache", "list"]) == ExitCode.DONE
    *lines, last = capsys.readouterr().out.splitlines()
    needs = {line.split()[1]: line for line in lines}
    assert len(needs) == len(stored)
    assert needs["a" * 16].endswith("for ssd:kept")
    assert "its checkpoint has been removed" in needs["b" * 16]
    assert needs["b" * 16].endswith("unused")
    assert needs["c" * 16].endswith("for itself, unfinished")
    assert needs[stored["answers"].name].endswith("for ssd:kept")
    assert needs[stored["answers gone"].name].endswith("unused")
    assert needs[stored["answers of the base"].name].endswith("for the base of ssd:kept")
    assert needs[stored["answers of another model"].name].endswith("for an evaluation of its own")
    size = sum(file.stat().st_size for name in ("gone", "answers gone") for file in stored[name].rglob("*.*"))
    assert f"would free {size / 1e6:,.1f} MB" in last


def test_only_what_nothing_needs_goes_and_a_dry_run_says_so_first(stored, capsys):
    assert main(["cache", "prune", "--dry-run"]) == ExitCode.DONE
    told = capsys.readouterr().out
    assert left(stored) == stored.keys()
    assert main(["cache", "prune"]) == ExitCode.DONE
    done = capsys.readouterr().out
    assert left(stored) == stored.keys() - {"gone", "answers gone"}
    assert done == told.replace("would remove", "removed").replace("would free", "freed")
    assert "5.0 MB  samples of org/model; its checkpoint has been removed" in done
    assert done.endswith("freed 5.0 MB\n")
    assert not list(home().glob("*/.removed*"))
    assert registry.get("kept")


def test_unfinished_work_goes_only_if_asked_for_and_long_idle(stored, capsys):
    old = time.time() - 10 * 86_400
    for file in stored["begun"].rglob("*"):
        os.utime(file, (old, old))
    assert main(["cache", "prune", "--unfinished", "11"]) == ExitCode.DONE
    assert "begun" in left(stored)
    assert main(["cache", "prune", "--unfinished", "9"]) == ExitCode.DONE
    assert left(stored) == {"made", "answers", "answers of the base", "answers of another model"}


def test_samples_that_two_runs_share_free_their_bytes_with_the_last_one(stored, capsys):
    shared = run_of("d" * 64, *STAGES, source=stored["made"])
    main(["cache", "prune", "--dry-run"])
    assert f"would remove run         {shared.name}" in capsys.readouterr().out
    sizes = [[file.lstat() for file in folder.rglob("samples-*")] for folder in (shared, stored["made"])]
    from ssd_harness.artifacts.cache import freed_bytes

    assert freed_bytes(sizes[:1]) == 0
    assert freed_bytes(sizes) == 1000


@pytest.mark.parametrize("lock", ["runs/{}/lock", "runs/{}/rounds.lock", "runs/.samples-i{}.lock"])
def test_what_a_process_uses_stays(stored, capsys, lock):
    path = home() / lock.format("b" * 15 if "samples" in lock else "b" * 16)
    holding = f"import fcntl,sys,time; f = open({str(path)!r}, 'a'); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); time.sleep(99)"
    with subprocess.Popen([sys.executable, "-S", "-c", holding], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert main(["cache", "prune"]) == ExitCode.DONE
        process.kill()
    assert "gone" in left(stored)
    assert f"run {'b' * 16} is in use, left alone" in capsys.readouterr().err
    assert main(["cache", "prune"]) == ExitCode.DONE  # the kernel has let go of it
    assert "gone" not in left(stored)


def test_generations_that_an_evaluation_is_drawing_stay(stored, state):
    store = GenerationStore({"weights": json.loads((stored["answers gone"] / "about.json").read_text())["weights"]})
    assert store.folder == stored["answers gone"]
    with store.in_use():
        main(["cache", "prune"])
        assert store.folder.exists()
    main(["cache", "prune"])
    assert not store.folder.exists()


def test_another_users_are_left_alone_unless_asked_for(shared, as_nobody, capsys):
    folder = run_of("b" * 64, *STAGES)
    for path in [home(), *home().rglob("*")]:
        path.chmod(0o777)
    assert as_nobody(functools.partial(main, ["cache", "prune"])) == "0"
    assert folder.exists()
    assert as_nobody(functools.partial(main, ["cache", "prune", "--all-users"])) == "0"
    assert not folder.exists()


def test_a_checkpoint_that_nobody_can_read_may_need_anything(stored):
    (home() / "models" / "kept" / "ssd_manifest.json").write_text("{")
    assert main(["cache", "prune"]) == ExitCode.INFRASTRUCTURE
    assert left(stored) == stored.keys()


def test_who_waited_for_a_lock_that_was_removed_takes_the_one_that_stands_there_now(tmp_path):
    path = tmp_path / "run" / "lock"
    path.parent.mkdir()
    first = path.open("a")
    fcntl.flock(first, fcntl.LOCK_EX)

    def remove():
        path.unlink()
        first.close()

    with storage.locked(path, remove) as held:
        assert os.path.samestat(os.fstat(held), path.stat())
        with storage.locked_if_free([path]) as free:
            assert not free
