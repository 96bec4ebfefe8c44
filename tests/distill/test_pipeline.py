import json
import shutil
import signal
import subprocess

import pytest

pytest.importorskip("trl")

from safetensors.torch import load_file

from ssd_harness.artifacts import shards

pytestmark = [pytest.mark.hf, pytest.mark.slow]


def test_a_run_tells_its_plan_and_registers_a_model(whole, distiller):
    out, err = whole
    checkpoint = distiller.checkpoint("whole")
    assert f"ssd:{checkpoint.name}" in out
    assert err.index("1 sample per prompt") < err.index("sample: 150 of 150")
    manifest = json.loads((checkpoint / "ssd_manifest.json").read_text())
    (stages,) = manifest["rounds"]
    assert stages["sample"]["samples"] == stages["filter"]["kept"] == 150
    assert len(stages["train"]["losses"]) == 30
    assert manifest["recipe"]["T_train"] == 1.2
    assert checkpoint.name == f"tiny-{manifest['fingerprint'][:8]}"
    base = load_file(distiller.model / "model.safetensors")
    assert any(not tensor.equal(base[name]) for name, tensor in distiller.weights("whole").items())


def test_tokenizer_and_settings_are_the_bases_own(whole, distiller):
    checkpoint = distiller.checkpoint("whole")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"):
        assert (checkpoint / name).read_bytes() == (distiller.model / name).read_bytes()


def test_the_same_command_does_nothing_again(whole, distiller):
    before = {file: file.stat().st_mtime_ns for file in (distiller.folder / "whole").rglob("*") if file.is_file()}
    code, out, err = distiller.run("whole")
    assert code == 0
    assert "exists, nothing to do" in err
    assert f"ssd:{distiller.checkpoint('whole').name}" in out
    after = {file: file.stat().st_mtime_ns for file in before}
    changed = {file for file in before if before[file] != after[file]}
    assert {file.parent.name for file in changed} <= {"prompts"}


def test_killed_in_sampling_and_in_training_it_ends_as_if_undisturbed(whole, distiller, until, stages_of):
    home = distiller.folder / "killed"
    slow = {"sampling_rows": 2, "save_steps": 1}  # decide nothing about the result

    def kill_when(marks):
        process = distiller.start("killed", **slow)
        until(lambda: process.poll() is not None or list(home.glob(marks)))
        assert process.poll() is None, process.stderr.read()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        # A stage does not outlive who started it: nobody would stop it, and two would write to one folder.
        until(lambda: not stages_of(home))

    kill_when("samples/*/samples-*.parquet")
    sampled = list(home.glob("samples/*/samples-*.parquet"))
    drawn = {file: file.stat().st_mtime_ns for file in sampled}
    assert 1 <= len(sampled) < 3
    assert not list(home.glob("samples/*/manifest.json"))
    kill_when("training/*/state/*/COMPLETE")
    assert not list(home.glob("models/*"))

    code, _, err = distiller.run("killed", **slow)
    assert code == 0, err
    assert {file: file.stat().st_mtime_ns for file in sampled} == drawn
    assert distiller.samples("killed") == distiller.samples("whole")
    trained, undisturbed = (shards.read_manifest(distiller.stage(home, "train")) for home in ("killed", "whole"))
    assert 0 < int(trained["resumed_from"].removeprefix("checkpoint-")) < 30
    assert undisturbed["resumed_from"] is None
    assert trained["losses"] == pytest.approx(undisturbed["losses"], abs=1e-5)
    resumed = distiller.weights("killed")
    assert all((resumed[name] - tensor).abs().max() <= 1e-6 for name, tensor in distiller.weights("whole").items())


def remove(checkpoint):
    """Remove a checkpoint as ``ssd-harness models remove`` does."""
    shutil.rmtree(checkpoint.resolve())
    checkpoint.unlink()


QUICK = {"sampler": "babbling", "trainer": "copying"}


def test_a_checkpoint_that_lacks_a_weight_gets_no_name_and_costs_no_sample(distiller, plugin):
    code, _, err = distiller.run("losing", plugin, sampler="babbling", trainer="losing")
    assert code == 3
    last = err.rstrip().splitlines()[-1]
    assert "the trained checkpoint is not whole, and nothing was registered" in last
    assert "1 weight is missing: model.layers.1.mlp.up_proj.weight" in last
    assert not list((distiller.folder / "losing" / "models").glob("[!.]*"))
    assert shards.is_whole(distiller.stage("losing", "sample"))
    assert shards.is_whole(distiller.stage("losing", "filter"))
    train = distiller.stage("losing", "train")
    assert not shards.has_manifest(train)
    assert (train / "state" / "optimizer.pt").exists()


def test_two_at_once_make_one_checkpoint(distiller, plugin):
    both = [distiller.start("both", plugin, **QUICK) for _ in range(2)]
    outs = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], outs
    assert outs[0][0] == outs[1][0]
    distiller.checkpoint("both")
    assert sum("sample: 150 of 150" in err for _, err in outs) == 1


def test_two_at_once_make_two_checkpoints_of_one_set_of_prompts(distiller, plugin):
    seeds = {seed: distiller.start("apart", plugin, **QUICK, seed=seed, name=f"seed-{seed}") for seed in (1, 2)}
    for seed, process in seeds.items():
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert out.startswith(f"ssd:seed-{seed} ")
    home = distiller.folder / "apart"
    manifests = [json.loads(file.read_text()) for file in sorted(home.glob("models/seed-*/ssd_manifest.json"))]
    assert [manifest["recipe"]["seed"] for manifest in manifests] == [1, 2]
    assert manifests[0]["prompts"] == manifests[1]["prompts"]
    assert len(list(home.glob("prompts/*.jsonl"))) == 1
    assert not list(home.rglob(".*[0-9]*"))


def test_a_removed_checkpoint_is_trained_again_from_the_stored_samples(distiller, plugin):
    assert distiller.run("removed", plugin, **QUICK)[0] == 0
    checkpoint = distiller.checkpoint("removed")
    remove(checkpoint)
    code, _, err = distiller.run("removed", plugin, **QUICK)
    assert code == 0, err
    assert "sample:" not in err
    assert (checkpoint / "model.safetensors").exists()


def test_a_shard_that_was_damaged_is_named_and_made_again_where_it_is_deleted(distiller, plugin):
    fields = {"sampler": "counting", "filter": "thirds", "trainer": "summing"}
    assert distiller.run("damaged", plugin, **fields)[0] == 0
    weights = distiller.weights("damaged")
    remove(distiller.checkpoint("damaged"))
    damaged = distiller.stage("damaged", "sample") / "samples-00001.parquet"
    before = damaged.read_bytes()
    damaged.write_bytes(before[:4] + bytes(200) + before[204:])
    (distiller.stage("damaged", "filter") / damaged.name).unlink()  # so that somebody reads it again
    code, _, err = distiller.run("damaged", plugin, **fields)
    assert code == 3
    assert f"[{damaged}]; delete it and run the same command again" in err
    damaged.unlink()
    code, _, err = distiller.run("damaged", plugin, **fields)
    assert code == 0, err
    assert damaged.read_bytes() == before
    assert all(tensor.equal(weights[name]) for name, tensor in distiller.weights("damaged").items())


def test_what_is_drawn_after_a_training_is_drawn_from_the_frozen_base(whole, distiller):
    """One stage's loss is another one's start: nothing of the training reaches the model that samples."""
    shutil.copytree(distiller.folder / "whole", distiller.folder / "frozen")
    samples = distiller.stage("frozen", "sample")
    drawn = (samples / "samples-00002.parquet").read_bytes()
    (samples / "samples-00002.parquet").unlink()
    done = subprocess.run(
        [*distiller.command(), "--until", "samples"],
        env=distiller.environment("frozen"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "sample: 150 of 150" in done.stderr
    assert (samples / "samples-00002.parquet").read_bytes() == drawn
    assert json.loads((samples / "job.json").read_text())["model"] == str(distiller.model)


def test_a_name_is_used_kept_and_added_to(distiller, plugin):
    code, out, err = distiller.run("named", plugin, **QUICK, name="mine")
    assert code == 0, err
    assert out.startswith("ssd:mine ")
    # Without a name, what exists is found; with another one it gets that too.
    assert distiller.run("named", plugin, **QUICK)[1] == out
    assert distiller.run("named", plugin, **QUICK, name="yours")[1].startswith("ssd:yours ")
    code, _, err = distiller.run("named", plugin, **QUICK, name="mine", T_train=0.5)
    assert code == 2
    assert "belongs to a checkpoint of another recipe" in err


def test_rounds_go_on_from_each_other_and_each_has_a_name(distiller, plugin):
    code, _, err = distiller.run("rounds", plugin, **QUICK, rounds=2, seed=3, name="twice")
    assert code == 0, err
    home = distiller.folder / "rounds"
    jobs = [json.loads(file.read_text()) for file in home.glob("samples/*/job.json")]
    first, second = sorted(jobs, key=lambda job: job["recipe"]["rounds"])
    assert first["model"] == str(distiller.model)
    assert second["model"] == str((home / "models" / "twice-r1").resolve())
    assert first["seed"] == 3 != second["seed"]
    one, last, named = (
        json.loads((home / "models" / name / "ssd_manifest.json").read_text())
        for name in ("twice-r1", "twice-r2", "twice")
    )
    assert last["parent"] == one["fingerprint"]
    assert last["rounds"][0] == one["rounds"][0]
    assert len(last["rounds"]) == 2
    assert named["fingerprint"] == last["fingerprint"]
    inodes = {(home / "models" / name / "model.safetensors").stat().st_ino for name in ("twice-r2", "twice")}
    assert len(inodes) == 1  # two names, one copy


def test_more_rounds_go_on_from_those_that_are_made(distiller, plugin):
    assert distiller.run("more", plugin, **QUICK, rounds=1, name="once")[0] == 0
    code, _, err = distiller.run("more", plugin, **QUICK, rounds=2, name="both")
    assert code == 0, err
    assert "begun, to be resumed" in err
    assert err.count("sample: 150 of 150") == 1
    models = distiller.folder / "more" / "models"
    assert {folder.name for folder in models.glob("[!.]*")} == {"once", "both-r1", "both-r2", "both"}
    # Fewer rounds are a part of what is there.
    code, out, err = distiller.run("more", plugin, **QUICK, rounds=1)
    assert code == 0
    assert out.startswith("ssd:once ")


def test_another_way_to_train_takes_the_samples_that_are_there(whole, distiller):
    shutil.copytree(distiller.folder / "whole", distiller.folder / "again")
    stage = distiller.stage("again", "sample")
    drawn = {file: file.stat().st_mtime_ns for file in stage.glob("*.parquet")}
    code, _, err = distiller.run("again", steps=2, lr=1e-4)
    assert code == 0, err
    assert f"samples {stage.name}: drawn before, reused" in err
    assert "sample: 150 of 150" not in err
    assert len(list((distiller.folder / "again" / "training").iterdir())) == 2
    assert {file: file.stat().st_mtime_ns for file in distiller.stage("again", "sample").glob("*.parquet")} == drawn
    code, _, err = distiller.run("again", steps=2, T_train=0.9)
    assert code == 0, err
    assert "sample: 150 of 150" in err
