"""kill -9 at each place where one piece of work hands over to the next: the same command ends with the same bytes."""

import fcntl
import signal
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("trl")

pytestmark = [pytest.mark.hf, pytest.mark.slow]

FIELDS = {"sampler": "counting", "filter": "thirds", "trainer": "summing"}
# In the order in which they are come by: each run goes on from where the one before it was killed.
PLACES = {
    "sample, a shard is written": "after:ssd_harness.artifacts.shards:write_shard",
    "sample, all shards are": "before:ssd_harness.artifacts.shards:write_manifest",
    "filter, a shard is decided on, not written": "before:ssd_harness.artifacts.shards:write_shard",
    "filter, a shard is written": "after:ssd_harness.artifacts.shards:write_shard",
    "filter, all shards are": "before:ssd_harness.artifacts.shards:write_manifest",
    "train, the last file is written": "before:ssd_harness.distill.training:check_checkpoint",
    "train, it is found whole": "before:ssd_harness.artifacts.shards:write_manifest",
    "the trainer's state is still there": "before:ssd_harness.distill.training:discard_state",
    "before it is registered": "before:ssd_harness.artifacts.registry:register",
    "its manifest is written": "before:ssd_harness.storage:move_folder",
    "the checkpoint is there, its name is not": "after:ssd_harness.storage:move_folder",
}
REGISTERED = "after:ssd_harness.artifacts.registry:point"


def files(folder):
    return {file: file.stat().st_mtime_ns for file in folder.rglob("samples-*.parquet")}


def test_killed_at_each_hand_over_it_ends_with_the_bytes_of_an_undisturbed_run(distiller, plugin, until, stages_of):
    home = distiller.folder / "handed"

    def run_and_die(place):
        process = distiller.start("handed", plugin | {"DIE_AT": place}, **FIELDS)
        _, err = process.communicate(timeout=300)
        assert process.returncode == -signal.SIGKILL, err
        until(lambda: not stages_of(home))

    kept = {}
    for place in PLACES.values():
        run_and_die(place)
        assert not list(home.glob("models/[!.]*")), place
        assert kept.items() <= files(home).items(), place  # what is finished is never made again
        kept = files(home)
    assert len(kept) == 6
    run_and_die(REGISTERED)
    registered = {file.name: file.read_bytes() for file in distiller.checkpoint("handed").iterdir()}

    code, out, err = distiller.run("handed", plugin, **FIELDS)
    assert code == 0, err
    assert "exists, nothing to do" in err
    assert distiller.run("unhanded", plugin, **FIELDS)[:2] == (0, out.replace("/handed/", "/unhanded/"))
    checkpoint = distiller.checkpoint("unhanded")
    assert registered.keys() == {file.name for file in checkpoint.iterdir()}
    for file in checkpoint.iterdir():
        assert registered[file.name] == file.read_bytes(), file.name
    assert not (distiller.stage("handed", "train") / "state").exists()


@pytest.mark.parametrize("processes", [1, 2])
def test_nothing_that_a_stage_has_started_outlives_the_command_or_keeps_its_lock(
    distiller, plugin, until, stages_of, processes
):
    """Neither what is in a session of its own, as torchrun's processes are, nor what ignores SIGTERM."""
    name = f"haunted-{processes}"
    home, ghost = distiller.folder / name, distiller.folder / f"{name}.pid"
    process = distiller.start(name, plugin | {"GHOST": str(ghost)}, sampler="haunted", gpus=processes)
    until(lambda: process.poll() is not None or (ghost.exists() and ghost.read_text()))
    locks = [*home.glob("training/*/lock"), *home.glob("samples/*/lock")]
    assert len(locks) == 2
    with locks[0].open() as of_run, locks[1].open() as of_samples:
        for stream in (of_run, of_samples):
            with pytest.raises(BlockingIOError):
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert not [link for link in Path(f"/proc/{ghost.read_text()}/fd").iterdir() if link.readlink() in locks]
        process.send_signal(signal.SIGKILL)
        process.communicate()
        # The other way round proves nothing: a process that ends has lost its command line before its descriptors.
        for stream in (of_run, of_samples):
            subprocess.run(["flock", "-w", "60", str(stream.fileno())], pass_fds=[stream.fileno()], check=True)
            assert not Path(f"/proc/{ghost.read_text()}").exists()
            assert not stages_of(home)


def test_two_runs_that_start_at_once_draw_their_samples_once_whichever_dies(distiller, plugin, until):
    home, gate, notes = (distiller.folder / f"twins{ending}" for ending in ("", ".gate", ".drawn"))
    environment = plugin | {"GATE": str(gate), "DRAWN": str(notes)}

    def start(**fields):
        return distiller.start("twins", environment, sampler="gated", trainer="copying", **fields)

    def drawn():
        return notes.read_text().split() if notes.exists() else []

    def wait_to_be_told(process):
        told = next((line for line in process.stderr if "the same samples" in line), "")
        assert "is drawing the same samples, waiting for it" in told, drawn()
        return told

    first = start(lr=1e-3)
    until(lambda: first.poll() is not None or drawn()[-1:] == ["p100"])
    second = start(lr=2e-3)
    assert "run " in wait_to_be_told(second)
    first.kill()
    first.communicate()
    until(lambda: second.poll() is not None or drawn().count("p100") == 2)
    third = start(lr=1e-3)
    wait_to_be_told(third)
    gate.touch()
    for process in (second, third):
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    # What was in a finished shard when the first one died was drawn once, and the third drew nothing.
    counts = [drawn().count(f"p{number}") for number in range(150)]
    assert counts == [1] * 64 + [2] * 37 + [1] * 49
    assert len(list(home.glob("models/[!.]*"))) == len(list(home.glob("training/*"))) == 2
    (samples,) = home.glob("samples/*")
    assert len(list(samples.glob("samples-*.parquet"))) == 3
    assert len(list(home.glob("kept/*"))) == 1
