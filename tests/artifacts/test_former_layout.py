"""A state folder of an earlier version is recognised, and moved over in one step without losing anything."""

import json
import shutil

import pytest

from ssd_harness.artifacts import former_layout, registry, shards
from ssd_harness.artifacts.layout import kept_folder, samples_folder, training_folder
from ssd_harness.cli.main import main
from ssd_harness.distill import exporting
from ssd_harness.distill.job import Job
from ssd_harness.distill.plan import Plan
from ssd_harness.errors import ExitCode, UsageError
from ssd_harness.extensions.contracts import Sample
from ssd_harness.home import home
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.fingerprint import fingerprint, samples_fingerprint
from ssd_harness.recipe.resolution import Resolved

PARTS = {"base": "b", "tokenizer": "t", "prompts": "p", "sampler": "hf@1", "trainer": "trl@1"}
RECIPE = Recipe(prompts="p.jsonl", filter="none")


def former_run(number=1, *, stages=("sample", "filter", "train"), parts=PARTS, identified=True):
    """Leave a run as the former layout had it; return its fingerprint and the identity of its samples."""
    made = fingerprint(RECIPE, **parts)
    named = {name: parts[name] for name in ("tokenizer", "prompts", "sampler")}
    identity = samples_fingerprint(RECIPE, model=parts["base"], **named)
    run = home() / "runs" / made[:16]
    (home() / "prompts.jsonl").parent.mkdir(parents=True, exist_ok=True)
    (home() / "prompts.jsonl").write_text('["p0", [["user", "Add."]]]\n')
    for stage in stages:
        folder = run / f"round-{number}" / stage
        folder.mkdir(parents=True)
        shards.write_shard(folder, 0, [Sample("p0", 0, (1,), (2, 3), "a", "eos")])
        drawn = {"identity": identity} if stage == "sample" and identified else {}
        shards.write_manifest(folder, {"shards": 1, **drawn})
        Job(stage, RECIPE, home(), home() / "prompts.jsonl", 1, 0, run / f"round-{number}" / "sample").write(folder)
        job = json.loads((folder / "job.json").read_text())
        (folder / "job.json").write_text(json.dumps({**job, "identity": None, **drawn}))
    about = {"fingerprint": made, "base": {"name": "org/model"}, "recipe": {"filter": "none"}, "parts": parts}
    (run / "run.json").write_text(json.dumps(about))
    (run / "lock").touch()
    (home() / "runs" / f".samples-{identity[:16]}.lock").touch()
    return made, identity


def former_checkpoint(name, made):
    folder = home() / "models" / name
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    manifest = {"fingerprint": made, "name": name, "files": {"model.safetensors": 7}}
    (folder / "ssd_manifest.json").write_text(json.dumps(manifest))


def test_runs_of_the_former_layout_are_named_with_what_to_do(state, capsys):
    made, _ = former_run()
    for words in (["cache", "list"], ["cache", "prune"], ["distill", "demo"], ["export", made, "--out", "x"]):
        assert main(words) == ExitCode.USAGE
        (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
        assert f"layout of an earlier version [{home()}/runs]; run: ssd-harness cache migrate (or remove" in line
    assert (home() / "runs" / made[:16]).is_dir()


def test_checkpoints_of_the_former_layout_are_usable_as_they_are(state):
    former_checkpoint("old", "f" * 64)
    assert registry.find("f" * 64) == registry.get("ssd:old")
    assert registry.rename("old", "older").name == "older"
    assert registry.alias(registry.get("older"), "two").path.resolve() == state / "checkpoints" / ("f" * 16)
    assert registry.remove("older") == 0
    assert registry.remove("two") > 0
    former_checkpoint("alone", "e" * 64)
    assert registry.remove("alone") > 0
    assert not (state / "models" / "alone").exists()


def test_everything_moves_to_where_a_plan_of_now_looks_for_it(state, capsys):
    made, identity = former_run()
    former_checkpoint("old", made)
    former_checkpoint("second", made)
    (round_,) = Plan(Resolved(RECIPE, {}, None), None, None, made, "x", None, PARTS).rounds
    before = {folder: (home() / "runs" / made[:16] / "round-1" / folder / "samples-00000.parquet").read_bytes()
              for folder in ("sample", "filter")}  # fmt: skip
    assert main(["cache", "migrate"]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert f"runs/{made[:16]}: moved to training/{made[:16]}, kept/" in out
    assert f", samples/{identity[:16]}\n" in out
    assert f"models/old: now a name of checkpoints/{made[:16]}" in out
    assert not (home() / "runs").exists()
    assert [(one.name, one.path.resolve().name) for one in registry.checkpoints()] == [
        ("old", made[:16]),
        ("second", made[:16]),
    ]
    assert [path.name for path in (state / "checkpoints").iterdir()] == [made[:16]]
    assert shards.is_whole(round_.samples)
    assert shards.is_whole(round_.kept)
    assert (round_.samples / "samples-00000.parquet").read_bytes() == before["sample"]
    assert (round_.kept / "samples-00000.parquet").read_bytes() == before["filter"]
    assert registry.find(made).name == "old"
    run = exporting.find_run("ssd:old")
    assert run.folder == round_.training
    assert [one.sample.text for one in run.candidates(unfiltered=True)] == ["a"]
    assert main(["cache", "list"]) == ExitCode.DONE
    assert capsys.readouterr().out.count("for ssd:old, ssd:second") == 3
    assert main(["cache", "migrate"]) == ExitCode.DONE
    assert "nothing to migrate" in capsys.readouterr().out


@pytest.mark.parametrize("moved", ["sample", "filter", "train", "old"])
@pytest.mark.parametrize("done", [False, True])
def test_a_kill_in_the_middle_is_gone_on_with(state, monkeypatch, moved, done):
    made, identity = former_run()
    former_checkpoint("old", made)
    move = former_layout.storage.move_folder

    def killed(source, target):
        if source.name != moved or done:
            move(source, target)
        if source.name == moved:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(former_layout.storage, "move_folder", killed)
        with pytest.raises(KeyboardInterrupt):
            list(former_layout.migrate())
    list(former_layout.migrate())
    assert shards.is_whole(samples_folder(identity))
    assert registry.find(made).path.resolve() == state / "checkpoints" / made[:16]
    assert registry.find(made).name == "old"
    run = exporting.find_run(made)
    assert [one.sample.text for one in run.candidates(unfiltered=True)] == ["a"]
    assert not (home() / "runs").exists()


def test_samples_that_nothing_identifies_stay_and_are_named(state, capsys):
    made, _ = former_run(identified=False)
    assert main(["cache", "migrate"]) == ExitCode.DONE
    assert f"runs/{made[:16]}: left, nothing says what its samples are; remove it by hand" in capsys.readouterr().out
    with pytest.raises(UsageError, match="cache migrate"):
        former_layout.refuse()
    shutil.rmtree(home() / "runs" / made[:16])
    former_layout.refuse()


def test_a_plugins_filter_and_a_run_that_has_only_sampled(state):
    parts = {**PARTS, "filter": "none@2"}
    made, identity = former_run(stages=("sample", "filter"), parts=parts)
    (round_,) = Plan(Resolved(RECIPE, {}, None), None, None, made, "x", None, parts).rounds
    list(former_layout.migrate())
    assert shards.is_whole(round_.kept)
    assert round_.kept != kept_folder(identity)
    assert {file.name for file in training_folder(made).iterdir()} == {"plan.json"}
    assert round_.begun


def test_finished_shards_of_two_runs_over_the_same_samples_come_together(state):
    """Whichever is moved first: what one of them has drawn is not lost with the other's."""
    made, identity = former_run()
    for name, left in (("0" * 16, 1), ("e" * 16, 2)):
        shutil.copytree(home() / "runs" / made[:16], home() / "runs" / name)
        folder = home() / "runs" / name / "round-1" / "sample"
        shutil.copy(shards.shard_path(folder, 0), shards.shard_path(folder, left))
        shards.shard_path(folder, 0).unlink()
        (folder / "manifest.json").unlink()
    list(former_layout.migrate())
    assert shards.is_whole(samples_folder(identity))
    assert len(list(samples_folder(identity).glob("*.parquet"))) == 3
    assert not (home() / "runs").exists()
