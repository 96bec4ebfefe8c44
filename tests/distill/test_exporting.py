"""Samples for other trainers: nothing of them is lost, and what a format cannot say is said."""

import json

import pytest

from ssd_harness.artifacts import registry, shards
from ssd_harness.artifacts.layout import kept_folder, samples_folder, training_folder
from ssd_harness.cli.main import main
from ssd_harness.distill import exporting
from ssd_harness.distill.job import Job
from ssd_harness.errors import ExitCode, InfrastructureError, UsageError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Exporter
from ssd_harness.extensions.contracts import Candidate, Prompt, Sample
from ssd_harness.prompts import prompt_set
from ssd_harness.recipe.definition import Recipe

DIALOGUE = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "Äh😀?"},
]
DRAWN = [
    Sample("p0", 0, (1, 2, 3), (4, 5, 2), "one\ntwo", "eos"),
    Sample("p1", 0, (1, 2), (7, 8, 9), "cut\noff", "length"),
    Sample("p2", 0, (1, 2), (2,), "", "eos"),
]


@pytest.fixture
def run(state, tmp_path):
    """A run that has drawn three samples and kept two."""

    def make(variant=registry.PLAIN, name="ab" * 8, **fields):
        source = tmp_path / "prompts.jsonl"
        rows = [
            {"id": "p0", "prompt": "Say one."},
            {"id": "p1", "messages": DIALOGUE},
            {"id": "p2", "prompt": "Nothing."},
        ]
        source.write_text("".join(json.dumps(row) + "\n" for row in rows))
        recipe = Recipe(prompts=str(source), **fields)
        stored = prompt_set.collect(recipe)
        raw = samples_folder(name)
        for stage, place, samples in (("sample", raw, DRAWN), ("filter", kept_folder(name), DRAWN[:2])):
            place.mkdir(parents=True)
            shards.write_shard(place, 0, samples)
            shards.write_manifest(place, {"shards": 1})
            Job(stage, recipe, tmp_path, stored.path, stored.count, 0, raw).write(place)
        about = {"fingerprint": name * 4, "variant": variant, "base": {"name": "b"}, "recipe": {}, "prompts": {}}
        about["artifacts"] = {"samples": name, "kept": name}
        folder = training_folder(name)
        folder.mkdir(parents=True)
        (folder / "plan.json").write_text(json.dumps(about))
        return folder

    return make


def exported(tmp_path, form, *words, run="abab"):
    out = tmp_path / f"{form}.jsonl"
    assert main(["export", run, "--format", form, "--out", str(out), *words]) == ExitCode.DONE
    return [json.loads(line) for line in out.read_text("ascii").splitlines()], json.loads(
        out.with_suffix(".about.json").read_text()
    )


def test_chat_is_the_prompts_turns_and_the_answer(run, tmp_path, capsys):
    run()
    rows, about = exported(tmp_path, "chat")
    assert rows[0] == {
        "messages": [{"role": "user", "content": "Say one."}, {"role": "assistant", "content": "one\ntwo"}]
    }
    assert rows[1]["messages"] == [*DIALOGUE, {"role": "assistant", "content": "cut\noff"}]
    said = capsys.readouterr().err
    assert "1 of 2 samples were cut" in said
    assert "take the loss on the assistant's last turn alone" in said
    assert (about["rows"], about["truncated"], about["run"]["fingerprint"]) == (2, 1, "ab" * 32)
    assert "dataset_info.json" not in about


def test_samples_whose_prompts_are_gone_are_one_line(run, tmp_path, state, capsys):
    run()
    for file in (state / "prompts").glob("*.jsonl"):
        file.unlink()
    assert main(["export", "abab", "--out", str(tmp_path / "x.jsonl")]) == ExitCode.USAGE
    assert "the prompts of this run are gone" in capsys.readouterr().err
    assert not (tmp_path / "x.jsonl").exists()


def test_sharegpt_and_alpaca_are_what_llama_factory_reads(run, tmp_path):
    run()
    rows, about = exported(tmp_path, "sharegpt")
    assert rows[1]["system"] == "Be brief."
    assert [turn["from"] for turn in rows[1]["conversations"]] == ["human", "gpt", "human", "gpt"]
    entry = about["dataset_info.json"]["sharegpt"]
    assert (entry["file_name"], entry["formatting"], entry["columns"]["messages"]) == (
        "sharegpt.jsonl",
        "sharegpt",
        "conversations",
    )
    rows, about = exported(tmp_path, "alpaca")
    assert rows[0] == {"instruction": "Say one.", "input": "", "output": "one\ntwo", "system": "", "history": []}
    assert rows[1]["history"] == [["Hi", "Hello"]]
    assert set(about["dataset_info.json"]["alpaca"]["columns"].values()) == rows[1].keys()


def test_ids_are_the_very_rows_that_the_trainer_reads(run, tmp_path, capsys):
    pa = pytest.importorskip("pyarrow")
    from ssd_harness.plugins.trl.rows import write_rows

    run(max_length_train=4)
    rows, about = exported(tmp_path, "ids", "--unfiltered")
    write_rows(DRAWN, tmp_path / "rows.arrow", 4)
    with pa.OSFile(str(tmp_path / "rows.arrow")) as source:
        wanted = pa.ipc.open_stream(source).read_all().to_pylist()
    assert [{key: row[key] for key in ("input_ids", "labels")} for row in rows] == wanted
    assert all(row.keys() == {"input_ids", "attention_mask", "labels"} for row in rows)
    assert all(len(row["attention_mask"]) == len(row["input_ids"]) for row in rows)
    assert rows[0]["labels"] == [-100, -100, -100, 4]
    assert about["notes"] == []


def test_what_is_left_out_is_left_out_and_said(run, tmp_path, capsys):
    run(variant=registry.VERIFIED, max_length_train=2, prompt_format="raw")
    rows, about = exported(tmp_path, "chat", "--drop-truncated")
    assert (len(rows), about["rows"], about["truncated"]) == (1, 1, 1)
    said = capsys.readouterr().err
    assert "verified variant" in said
    assert "without a chat template" in said
    assert "were cut" not in said
    rows, _ = exported(tmp_path, "ids")
    assert rows == []
    assert "2 samples left nothing to train on" in capsys.readouterr().err
    assert len(exported(tmp_path, "chat", "--unfiltered")[0]) == 3


def test_turns_that_a_format_cannot_hold_are_named(tmp_path):
    prompt = Prompt("odd", (("user", "a"), ("user", "b")))
    for form in ("sharegpt", "alpaca"):
        exporter = plugin_manager.lookup(Exporter, form).factory(Recipe())
        with pytest.raises(UsageError, match=r"in turn.*\[odd\].*--format chat"):
            exporter([Candidate(prompt, DRAWN[0])], tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["export", "ffff"], "no run is called 'ffff'; give one of: abab"),
        (["export", "abab", "--format", "csv"], "no exporter is called 'csv'"),
        (["export", "ssd:nobody"], "no checkpoint is called"),
        (["export", ""], "no run is called ''"),
    ],
)
def test_wrong_words_are_one_line_and_leave_no_file(run, tmp_path, capsys, words, says):
    run()
    assert main([*words, "--out", str(tmp_path / "x.jsonl")]) == ExitCode.USAGE
    assert says in capsys.readouterr().err
    assert not (tmp_path / "x.jsonl").exists()


def test_a_folder_in_the_files_place_is_said(run, tmp_path, capsys):
    run()
    assert main(["export", "abab", "--out", str(tmp_path)]) == ExitCode.USAGE
    assert f"give a file, such as {tmp_path}/samples.jsonl" in capsys.readouterr().err


def test_two_runs_of_one_beginning_and_an_unfinished_run_are_told_apart(run, tmp_path, capsys):
    folder = run()
    run(name="ab" * 7 + "cd")
    with pytest.raises(UsageError, match="2 runs begin with 'abab'"):
        exporting.find_run("abab")
    assert exporting.find_run("ab" * 8).folder == exporting.find_run(str(folder)).folder
    (kept_folder(folder.name) / "manifest.json").unlink()
    with pytest.raises(UsageError, match=r"no finished samples.*--until samples"):
        exporting.find_run(str(folder))


@pytest.mark.parametrize("field", ["model", "prompts", "stage"])
def test_a_job_with_an_empty_field_is_named(run, field):
    folder = run()
    path = kept_folder("ab" * 8) / "job.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: ""}))
    with pytest.raises(InfrastructureError, match=f"has no valid {field}"):
        exporting.find_run(str(folder))
