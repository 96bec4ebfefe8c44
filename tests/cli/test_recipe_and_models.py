import json
import re

import pytest

from ssd_harness.artifacts import registry
from ssd_harness.cli.main import main
from ssd_harness.errors import ExitCode


@pytest.fixture
def checkpoint(state, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"x" * 1000)
    manifest = {"fingerprint": "ab" * 32, "base": {"name": "some/base"}, "recipe": {"T_train": 1.25}, "rounds": []}
    return registry.register("one", folder, manifest)


def test_recipe_show_gives_each_value_and_its_origin(state, capsys):
    assert main(["recipe", "show", "Qwen/Qwen3-4B-Instruct-2507", "lr=1e-5"]) == ExitCode.DONE
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")}
    assert lines["T_train"].split()[1:4] == ["1.6", "preset", "qwen3-4b-instruct-2507"]
    assert lines["lr"].split()[1:3] == ["1e-05", "given"]
    assert lines["lora_rank"].split()[1:3] == ["none", "default"]
    assert lines["gradient_checkpointing"].split()[1:3] == ["true", "preset"]


def test_recipe_show_names_the_source_of_the_presets_numbers(state, capsys):
    assert main(["recipe", "show", "Qwen/Qwen3-4B-Instruct-2507"]) == ExitCode.DONE
    assert "preset qwen3-4b-instruct-2507: arXiv 2604.01193" in capsys.readouterr().out


def test_recipe_show_json_is_the_whole_recipe(state, capsys):
    assert main(["recipe", "show", "--json", "x/y", "T_train=1.3"]) == ExitCode.DONE
    shown = json.loads(capsys.readouterr().out)
    assert shown["recipe"]["T_train"] == 1.3
    assert shown["origins"]["T_train"] == "given"
    assert shown["recipe"].keys() == shown["origins"].keys()


def test_recipe_show_takes_the_words_of_distill(state, capsys):
    assert main(["recipe", "show", "demo", "name=mine", "revision=main", "T_train=1.3"]) == ExitCode.DONE
    assert capsys.readouterr().out.startswith("recipe demo, by its name\n")


def test_recipe_show_says_where_all_comes_from(state, tmp_path, capsys):
    file = tmp_path / "mine.yaml"
    file.write_text('system_message: "a\\nb\\e[31mc"\n')
    assert main(["recipe", "show", "x/y", f"recipe={file}"]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert out.startswith("no recipe of its own, defaults, then file mine.yaml\n")
    assert "\x1b" not in out
    assert re.search(r"a b\\x1b\[31mc +file mine\.yaml", out)
    assert main(["recipe", "show", "demo", "recipe=none"]) == ExitCode.DONE
    assert capsys.readouterr().out.startswith("no recipe of its own, asked for, defaults\n")


@pytest.mark.parametrize("words", [["recipe", "show"], ["distill"], ["distill", "demo", "--dryrun"]])
def test_argparse_complains_about_the_command_and_what_is_missing(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    err = capsys.readouterr().err
    assert ended.value.code == ExitCode.USAGE
    assert err.startswith(f"usage: ssd-harness {words[0]}")
    assert "required: MODEL, field" not in err


def test_recipe_show_starts_from_a_checkpoints_own(checkpoint, capsys):
    assert main(["recipe", "show", "ssd:one", "--json"]) == ExitCode.DONE
    shown = json.loads(capsys.readouterr().out)
    assert (shown["recipe"]["T_train"], shown["origins"]["T_train"]) == (1.25, "manifest of one")


def test_recipe_list_names_models_and_sources(state, capsys):
    assert main(["recipe", "list"]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert "openai/gpt-oss-20b" in out
    assert "2604.01193" in out


def test_models_can_be_listed_shown_renamed_and_removed(checkpoint, capsys):
    assert main(["models", "list"]) == ExitCode.DONE
    assert "from some/base" in capsys.readouterr().out
    assert main(["models", "show", "one", "--path"]) == ExitCode.DONE
    assert capsys.readouterr().out.strip() == str(checkpoint.path)
    assert main(["models", "rename", "one", "two"]) == ExitCode.DONE
    capsys.readouterr()
    assert main(["models", "show", "two"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["fingerprint"] == "ab" * 32
    assert main(["models", "remove", "two"]) == ExitCode.DONE
    capsys.readouterr()
    assert main(["models", "list"]) == ExitCode.DONE
    assert "no checkpoints in" in capsys.readouterr().out


def test_the_list_says_what_each_is_and_which_cannot_be_used(checkpoint, tmp_path, capsys):
    def register(name, fingerprint, **manifest):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"x")
        base = {"fingerprint": fingerprint * 32, "base": {"name": "b\x1b[31m"}, "recipe": {}, "rounds": []}
        registry.register(name, folder, {**base, **manifest})

    register("child", "01", parent="ab" * 32, variant="verified variant", rounds=[{"train": {"adapter": "merged"}}])
    register("orphan", "02", parent="ff" * 32)
    register("theirs", "03", trained="trained elsewhere")
    origins = {"T_train": "given", "top_k_train": "file mine.yaml", "lr": "preset demo", "device": "given"}
    recipe = {"T_train": 1.2, "top_k_train": None, "lr": 1e-5, "device": "cpu"}
    register("mine", "04", origins=origins, recipe=recipe)
    register("edited", "05", origins=3)
    register("torn", "06")
    (registry.models_folder() / "torn" / "ssd_manifest.json").unlink()
    assert main(["models", "list"]) == ExitCode.DONE
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["child"].endswith("from ssd:one, LoRA merged, verified variant")
    assert lines["orphan"].endswith(f"whose checkpoint {'ff' * 8} was removed")
    assert lines["theirs"].endswith("from b\\x1b[31m, trained elsewhere")
    assert lines["mine"].endswith(", T_train=1.2, top_k_train=none")
    assert lines["edited"].endswith("from b\\x1b[31m")
    assert "unusable" in lines["torn"]
    assert "lost its manifest" in lines["torn"]
    assert main(["models", "show", "one"]) == ExitCode.DONE
    shown = json.loads(capsys.readouterr().out)
    assert (shown["children"], shown["bytes"] > 1000, shown["path"]) == (["child"], True, str(checkpoint.path))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["recipe", "show", "m", "T_trian=1"], "did you mean 'T_train'"),
        (["recipe", "show", "m", "T_train"], "expected field=value, got 'T_train'"),
        (["recipe", "show", "m", "=1"], "expected field=value, got '=1'"),
        (["recipe", "show", "m", "lr=1", "lr=2"], "the field lr is given twice"),
        (["recipe", "show", "m", "filter=fast"], "no sample filter is called 'fast'"),
        (["recipe", "show", "m", "sampler=fast"], "choose one of: hf, vllm"),
        (["recipe", "show", "m", "prompts=mine"], "no prompt source is called 'mine'"),
        (["recipe", "show", "/no/model"], "no such folder [/no/model]"),
        (["recipe", "show", "x" * 5000 + "/" * 2], "no such folder"),
        (["recipe", "show", ""], "no model is named"),
        (["distill", "demo", "--dry-run", "fast"], "expected field=value, got 'fast'"),
        (["distill", "demo", "prompts=mine"], "no prompt source is called 'mine'"),
        (["models", "show", "nobody"], "registered: none yet"),
        (["distill", "/no/model", "prompts=demo"], "model not found"),
        (["distill", "x/y"], "give prompts="),
        (["distill", "x/y", "prompts=demo", "rounds=0"], "rounds=0 makes nothing"),
        (["distill", "demo", "recipe=BASE.yaml"], "rounds=0 makes nothing"),
        (["distill", "demo", "prompts=none"], "the recipe of 'demo' names no prompts"),
    ],
)
def test_wrong_words_are_one_line_and_exit_2(state, tmp_path, monkeypatch, capsys, words, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "BASE.yaml").write_text("rounds: 0\n")
    assert main(words) == ExitCode.USAGE
    last = capsys.readouterr().err.rstrip().splitlines()[-1]
    assert says in last


def test_a_dry_run_tells_what_it_would_cost_and_makes_nothing(state, tiny_model, capsys):
    assert (
        main(
            [
                "distill",
                str(tiny_model),
                "prompts=demo",
                "prompt_limit=12",
                "max_new_tokens_train=100",
                "--dry-run",
            ]
        )
        == 0
    )
    out = capsys.readouterr().out
    assert "samples: 12, at most 1,200 tokens" in out
    assert "GPU time (estimated): under a minute to sample" in out
    assert "disk (estimated): at most" in out
    assert "assumed: samples run to max_new_tokens_train=100" in out
    assert not (state / "training").exists()
