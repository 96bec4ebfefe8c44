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
from ssd_harness.artifacts.layout import kept_folder, samples_folder, training_folder
from ssd_harness.cli.main import main
from ssd_harness.engines.contracts import Continuation, GenerationRequest, Stop
from ssd_harness.errors import ExitCode
from ssd_harness.home import home

BASE = "sha256 base"


def run_of(fingerprint, *stages, size=1000, samples=None):
    """Leave what a run leaves that has finished so many stages; its samples may be another run's."""
    samples = samples or fingerprint
    folders = {"sample": samples_folder(samples), "filter": kept_folder(fingerprint)}
    folders["train"] = training_folder(fingerprint)
    folders["train"].mkdir(parents=True)
    for stage in stages:
        folders[stage].mkdir(parents=True, exist_ok=True)
        (folders[stage] / "manifest.json").write_text("{}")
        (folders[stage] / "lock").touch()
    (folders["sample"] / "samples-00000.parquet").write_bytes(bytes(size))
    plan = {"base": {"name": "org/model", "weights": BASE}, "artifacts": {"samples": samples, "kept": fingerprint}}
    (folders["train"] / "plan.json").write_text(json.dumps(plan))
    (folders["train"] / "lock").touch()
    return folders["train"]


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
    for name, fingerprint in (("made", "a" * 64), ("gone", "b" * 64), ("begun", "c" * 64)):
        folders[f"samples {name}"], folders[f"kept {name}"] = samples_folder(fingerprint), kept_folder(fingerprint)
    return folders


def left(stored):
    return {name for name, folder in stored.items() if folder.exists()}


def test_the_list_says_who_needs_what(stored, capsys):
    assert main(["cache", "list"]) == ExitCode.DONE
    *lines, last = capsys.readouterr().out.splitlines()
    needs = {tuple(line.split()[:2]): line for line in lines}
    assert len(needs) == len(stored)
    for kind in ("run", "samples", "kept"):
        assert needs[kind, "a" * 16].endswith("for ssd:kept")
        assert needs[kind, "b" * 16].endswith("unused")
    assert "its checkpoint has been removed" in needs["run", "b" * 16]
    assert needs["run", "c" * 16].endswith("for itself, unfinished")
    assert needs["samples", "c" * 16].endswith(f"for the unfinished run {'c' * 16}")
    generations = {name: line for (kind, name), line in needs.items() if kind == "generations"}
    assert generations[stored["answers"].name].endswith("for ssd:kept")
    assert generations[stored["answers gone"].name].endswith("unused")
    assert generations[stored["answers of the base"].name].endswith("for the base of ssd:kept")
    assert generations[stored["answers of another model"].name].endswith("for an evaluation of its own")
    unused = ("gone", "samples gone", "kept gone", "answers gone")
    size = sum(file.stat().st_size for name in unused for file in stored[name].rglob("*.*"))
    assert f"would free {size / 1e6:,.1f} MB" in last


GONE = {"gone", "samples gone", "kept gone", "answers gone"}
BEGUN = {"begun", "samples begun", "kept begun"}


def test_only_what_nothing_needs_goes_and_a_dry_run_says_so_first(stored, capsys):
    assert main(["cache", "prune", "--dry-run"]) == ExitCode.DONE
    told = capsys.readouterr().out
    assert left(stored) == stored.keys()
    assert main(["cache", "prune"]) == ExitCode.DONE
    done = capsys.readouterr().out
    assert left(stored) == stored.keys() - GONE
    assert done == told.replace("would remove", "removed").replace("would free", "freed")
    assert "training of org/model; its checkpoint has been removed" in done
    assert "(5.0 MB), of org/model" in done
    assert done.endswith("freed 5.0 MB\n")
    assert not list(home().glob("*/.removed*"))
    assert registry.get("kept")


def test_unfinished_work_goes_only_if_asked_for_and_long_idle(stored, capsys):
    old = time.time() - 10 * 86_400
    for file in (file for name in BEGUN for file in stored[name].rglob("*")):
        os.utime(file, (old, old))
    assert main(["cache", "prune", "--unfinished", "11"]) == ExitCode.DONE
    assert left(stored) >= BEGUN
    assert main(["cache", "prune", "--unfinished", "9"]) == ExitCode.DONE
    assert left(stored) == stored.keys() - GONE - BEGUN


def test_samples_of_a_run_that_has_just_trained_are_not_idle(stored):
    old = time.time() - 10 * 86_400
    for file in stored["samples begun"].rglob("*"):
        os.utime(file, (old, old))
    assert main(["cache", "prune", "--unfinished", "9"]) == ExitCode.DONE
    assert left(stored) >= BEGUN


def test_samples_that_two_runs_share_go_with_the_last_one(stored, capsys):
    run_of("d" * 64, *STAGES, samples="a" * 64)
    checkpoint_of("d" * 64, "other")
    training_folder("a" * 64).joinpath("manifest.json").unlink()
    registry.remove("kept")
    assert main(["cache", "prune"]) == ExitCode.DONE
    assert "samples made" in left(stored)  # of the run that is not finished
    (training_folder("a" * 64) / "manifest.json").write_text("{}")
    assert main(["cache", "prune"]) == ExitCode.DONE
    assert not training_folder("a" * 64).exists()
    assert "samples made" in left(stored)
    registry.remove("other")
    assert main(["cache", "prune"]) == ExitCode.DONE
    assert "samples made" not in left(stored)


def test_a_link_elsewhere_frees_nothing(tmp_path):
    from ssd_harness.artifacts.cache import freed_bytes

    (tmp_path / "one").write_bytes(bytes(1000))
    os.link(tmp_path / "one", tmp_path / "two")
    sizes = [[(tmp_path / name).lstat()] for name in ("one", "two")]
    assert freed_bytes(sizes[:1]) == 0
    assert freed_bytes(sizes) == 1000


def test_a_checkpoint_that_has_no_name_yet_is_unfinished_work(stored, capsys):
    (home() / "models" / "kept").unlink()
    old = time.time() - 10 * 86_400
    for file in (file for name in ("checkpoints", "training") for file in (home() / name).rglob("*")):
        os.utime(file, (old, old))
    assert main(["cache", "list"]) == ExitCode.DONE
    assert f"checkpoint {'a' * 16}" in " ".join(capsys.readouterr().out.split())
    assert main(["cache", "prune"]) == ExitCode.DONE
    assert registry.find("a" * 64)
    assert main(["cache", "prune", "--unfinished", "9"]) == ExitCode.DONE
    assert registry.find("a" * 64) is None


@pytest.mark.process
@pytest.mark.parametrize(
    ("lock", "kinds"),
    [("training", {"run", "samples", "kept"}), ("samples", {"samples"}), ("kept", {"kept"})],
)
def test_what_a_process_uses_stays(stored, capsys, lock, kinds):
    """A run's lock guards all that the run refers to."""
    path = home() / lock / ("b" * 16) / "lock"
    holding = f"import fcntl,sys,time; f = open({str(path)!r}, 'a'); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); time.sleep(99)"
    with subprocess.Popen([sys.executable, "-S", "-c", holding], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert main(["cache", "prune"]) == ExitCode.DONE
        process.kill()
    names = {"run": "gone", "samples": "samples gone", "kept": "kept gone"}
    assert left(stored) & GONE == {names[kind] for kind in kinds}
    err = capsys.readouterr().err
    assert all(f"{kind} {'b' * 16} is in use, left alone" in err for kind in kinds)
    assert main(["cache", "prune"]) == ExitCode.DONE  # the kernel has let go of it
    assert not left(stored) & GONE


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
