import os
import re
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("trl")

pytestmark = [pytest.mark.hf, pytest.mark.slow]

FAULTS = {
    "no samples": ({"sampler": "silent"}, "'silent' left 8 of 8 samples"),
    "crash": ({"sampler": "crashing"}, r"RuntimeError: out of \x1b[31mluck"),
    "gone with a child left behind": (
        {"sampler": "parting"},
        "the sample stage was ended by SIGKILL (out of memory?)",
    ),
    "gone without a word": ({"sampler": "quitting"}, "the sample stage ended without a result"),
    "a file of its own is missing": (
        {"sampler": "forgetful"},
        "FileNotFoundError: [Errno 2] No such file or directory: '/no/such/word list'",
    ),
    "all dropped": ({"sampler": "babbling", "filter": "nothing"}, "'nothing' dropped all 8 samples"),
    "loss is no number": (
        {"sampler": "babbling", "lr": 1e30, "warmup_steps": 0, "max_grad_norm": 0, "steps": 4},
        "the loss is nan",
    ),
    "weights are no numbers": (
        {"sampler": "babbling", "trainer": "broken"},
        "weights model.norm.weight are not finite",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_with_the_log_and_registers_nothing(distiller, plugin, stages_of, fault):
    fields, says = FAULTS[fault]
    home = "fault-" + fault.replace(" ", "-")
    code, out, err = distiller.run(home, plugin, **{"prompt_limit": 8, "steps": 1, **fields})
    assert code == 3, err
    last = err.rstrip().splitlines()[-1]
    assert last.startswith("ssd-harness: error: ")
    assert says in last
    assert "log.txt" in last
    hopeless = {"all dropped", "loss is no number", "weights are no numbers"}  # the same command would end alike
    assert last.count("run the same command again") == (fault not in hopeless)
    assert "Traceback" not in err
    assert not out
    assert not list((distiller.folder / home).glob("models/*"))
    assert not stages_of(distiller.folder / home)
    log = Path(re.search(r"\[(\S*/log\.txt)\]", last)[1]).read_text()
    assert ("Traceback" in log) == (fault in {"crash", "a file of its own is missing"}), log  # what was not foreseen


@pytest.mark.parametrize(
    ("fields", "says", "shards"),
    [
        ({"sampler": "tiring"}, "'tiring' left 86 of 150 samples undrawn or incomplete", 1),
        ({"sampler": "counting", "filter": "nothing"}, "'nothing' dropped all 150 samples (150 no good)", 3),
    ],
)
def test_when_its_cause_is_gone_the_same_command_goes_on(distiller, plugin, fields, says, shards):
    home = f"gone-{fields['sampler']}"
    fields = {**fields, "trainer": "copying"}
    code, _, err = distiller.run(home, plugin, **fields)
    assert code == 3
    assert says in err.rstrip().splitlines()[-1]
    drawn = {file: file.stat().st_mtime_ns for file in distiller.stage(home, "sample").glob("*.parquet")}
    assert len(drawn) == shards
    code, _, err = distiller.run(home, plugin | {"CAUSE_GONE": "1"}, **fields)
    assert code == 0, err
    assert {file: file.stat().st_mtime_ns for file in drawn} == drawn
    distiller.checkpoint(home)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"promts": "x"}, "did you mean 'prompts'?"),
        ({"sampler": "vlm"}, "no sampler is called 'vlm'"),
        ({"filter": "stubs"}, "no sample filter is called 'stubs'"),
        ({"trainer": "x"}, "no trainer is called 'x'"),
        ({"name": "../x"}, "cannot name a checkpoint"),
    ],
)
def test_wrong_words_are_refused_before_anything_runs(distiller, fields, says):
    code, _, err = distiller.run("wrong", **fields)
    assert code == 2
    assert says in err.rstrip().splitlines()[-1]
    assert not (distiller.folder / "wrong" / "training").exists()


@pytest.fixture
def disk(distiller):
    """Mounts a disk of a size, and gives a mounted one another size."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder = distiller.folder / "disk"
    folder.mkdir()

    def of_size(size):
        how = ["-o", f"remount,size={size}"] if folder.is_mount() else ["-t", "tmpfs", "-o", f"size={size}", "tmpfs"]
        if subprocess.run(["mount", *how, str(folder)], capture_output=True).returncode:
            pytest.skip("this machine lets nobody mount a small disk")

    yield of_size
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


# Before which call the disk fills, and where that shows; each run goes on from what the one before it had finished.
FULL = {
    "ssd_harness.prompts.prompt_set:source_of": "/prompts",
    "ssd_harness.artifacts.shards:write_shard": "/samples/",
    "ssd_harness.distill.filtering:make_filter": "/kept/",
    "shutil:copytree": "/training/",
    "ssd_harness.distill.training:check_checkpoint": "/training/",
    "ssd_harness.artifacts.registry:register": "/checkpoint/ssd_manifest.json",
}


def test_a_disk_that_fills_in_any_stage_is_one_line_and_finished_work_is_kept(distiller, plugin, disk):
    disk("20m")
    fields = {"sampler": "counting", "filter": "thirds", "trainer": "summing"}
    home, filler = distiller.folder / "disk" / "home", distiller.folder / "disk" / "filler"
    kept = {}
    for call, where in FULL.items():
        environment = plugin | {"FILL_AT": f"before:{call}", "FILLER": str(filler)}
        code, out, err = distiller.run("disk/home", environment, **fields)
        filler.unlink()
        assert code == 3, (call, err)
        last = err.rstrip().splitlines()[-1]
        assert re.search(rf"cannot write: No space left on device \[\S*{where}[^] ]*\]; free some space or", last), last
        assert "Traceback" not in err
        assert not out
        assert not list(home.glob("models/[!.]*"))
        shards = {file: file.stat().st_mtime_ns for file in home.glob("*/*/samples-*.parquet")}
        assert kept.items() <= shards.items()
        kept = shards
    assert len(kept) == 6
    code, _, err = distiller.run("disk/home", plugin, **fields)
    assert code == 0, err
    assert distiller.run("roomy", plugin, **fields)[0] == 0
    for file in distiller.checkpoint("roomy").iterdir():
        assert (distiller.checkpoint("disk/home") / file.name).read_bytes() == file.read_bytes(), file.name


def test_a_disk_that_is_full_while_a_training_state_is_saved_is_one_line(distiller, plugin, disk):
    disk("300k")  # the trainer's own state is three times the checkpoint: the first one saved does not fit
    # The fit check would stop before sampling; a disk may also fill up later.
    fields = {"sampler": "babbling", "steps": 2, "save_steps": 1, "check_fit": False}
    code, _, err = distiller.run("disk/home", plugin, **fields)
    assert code == 3, err
    last = err.rstrip().splitlines()[-1]
    assert "No space left on device" in last
    assert "Traceback" not in err
    assert not list((distiller.folder / "disk" / "home").glob("models/*"))
    disk("20m")
    code, _, err = distiller.run("disk/home", plugin, **fields)
    assert code == 0, err
    assert "sample:" not in err
