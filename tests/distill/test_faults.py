import os
import subprocess

import pytest

pytest.importorskip("trl")

pytestmark = [pytest.mark.hf, pytest.mark.slow]

FAULTS = {
    "no samples": ({"sampler": "silent"}, "'silent' left 8 of 8 samples"),
    "crash": ({"sampler": "crashing"}, "RuntimeError: out of [31mluck"),
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
def test_a_fault_is_one_line_with_the_log_and_registers_nothing(distiller, plugin, fault):
    fields, says = FAULTS[fault]
    home = "fault-" + fault.replace(" ", "-")
    code, out, err = distiller.run(home, plugin, **{"prompt_limit": 8, "steps": 1, **fields})
    assert code == 3, err
    last = err.rstrip().splitlines()[-1]
    assert last.startswith("ssd-harness: error: ")
    assert says in last
    assert "log.txt" in last
    assert "Traceback" not in err
    assert not out
    assert not list((distiller.folder / home).glob("models/*"))


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
    assert not (distiller.folder / "wrong" / "runs").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_one_line_and_finished_work_is_kept(distiller, plugin):
    disk = distiller.folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=120k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        quick = {"sampler": "babbling", "trainer": "copying"}
        code, _, err = distiller.run("disk/home", plugin, **quick)
        assert code == 3, err
        last = err.rstrip().splitlines()[-1]
        assert "No space left on device" in last
        assert "Traceback" not in err
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        code, _, err = distiller.run("disk/home", plugin, **quick)
        assert code == 0, err
        assert "sample:" not in err
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
