"""A model's recipe is found by its name alone."""

import json

import pytest

from ssd_harness.cli.main import main
from ssd_harness.errors import ExitCode
from ssd_harness.recipe.presets import presets
from ssd_harness.recipe.resolution import resolve

QWEN_4B = {"model_type": "qwen3", "hidden_size": 2560, "num_hidden_layers": 36, "vocab_size": 151936}


@pytest.mark.parametrize(
    "model", ["Qwen/Qwen3-4B-Thinking-2507", "other/qwen3-4b-thinking-2507", "/a/Qwen3-4B-Thinking-2507/"]
)
def test_the_id_or_the_last_part_of_a_path_decides(model):
    resolved = resolve(model)
    assert (resolved.preset, resolved.because) == ("qwen3-4b-thinking-2507", "by its name")


def test_another_name_has_no_recipe_whatever_its_files_say_and_is_asked_for_one(state, tmp_path, capsys):
    folder = tmp_path / "tuned"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(QWEN_4B))
    assert main(["recipe", "show", str(folder)]) == ExitCode.DONE
    (first, *_) = capsys.readouterr().out.splitlines()
    assert first == f"no recipe of its own, defaults; recipe=NAME takes one of {', '.join(presets())}"
    assert main(["distill", str(folder), "--dry-run"]) == ExitCode.USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert f"recipe={' or '.join(presets())}" in line


def test_a_checkpoint_keeps_the_recipe_of_its_base():
    made = ("manifest of x", {"T_train": 1.3})
    resolved = resolve("ssd:x", inherited=made, base="Qwen/Qwen3-4B-Thinking-2507")
    assert resolved.summary == "recipe qwen3-4b-thinking-2507, by its name, then manifest of x"
    assert (resolved.recipe.T_train, resolved.recipe.micro_batch_size) == (1.3, 1)


def test_a_chosen_preset_takes_the_place_of_the_models_own():
    resolved = resolve("openai/gpt-oss-20b", {"recipe": "qwen3-4b-instruct-2507"})
    assert (resolved.preset, resolved.recipe.T_train) == ("qwen3-4b-instruct-2507", 1.6)
    assert (resolved.recipe.reasoning_effort, resolved.recipe.dequantize) == (None, False)
    assert resolve("openai/gpt-oss-20b", {"recipe": "none"}).recipe.prompts is None
