"""One prompt style words the training prompts and the evaluated problems; where they differ every result says so."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("trl")

import lm_eval
import yaml
from hostile_text import hostile

from ssd_harness.artifacts import registry, shards
from ssd_harness.artifacts.layout import artifacts_of
from ssd_harness.engines import loading
from ssd_harness.harness import patches
from ssd_harness.results.model_card import model_card

pytestmark = [pytest.mark.hf, pytest.mark.slow]

MINI = "livecodebench_mini"
ASKED = ["--tasks", MINI, "--limit", "2", "--predict_only", "--log_samples"]


def write_style(folder, marker, *parts):
    """Write a folder of texts that are attacks, each with a word of its own."""
    folder.mkdir()
    for part in parts:
        question = "" if part == "system" else " {{question_content}}{{starter_code}} Answer it."
        (folder / f"{part}.txt").write_text(f"MARK-{part} {hostile(marker, part)}{question}", "utf-8")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two checkpoints of the embedded model, each made and evaluated by one lm_eval command.

    ``folder`` has its system message in the folder of texts, ``field`` in the recipe's field ``system_message``.
    """
    root = tmp_path_factory.mktemp("style")
    marker, env = root / "marker", {**os.environ, "SSD_HARNESS_HOME": str(root / "home"), "HF_HUB_OFFLINE": "1"}
    env.pop("SSD_LCB_DATA", None)
    marker.mkdir()
    write_style(root / "folder", marker, "stdin", "functional", "system")
    write_style(root / "field", marker, "stdin", "functional")
    (root / "p.jsonl").write_text("".join(json.dumps({"prompt": f"Say {k}\nand {k}."}) + "\n" for k in range(4)))
    small = {"steps": 1, "batch_size_train": 2, "max_new_tokens_train": 8, "filter": "none"}
    small |= {"max_length_train": 8192, "max_gen_toks_eval": 8}
    prompts = {"folder": {"prompts": "demo", "prompt_limit": 6}, "field": {"prompts": str(root / "p.jsonl")}}
    found = {}
    for name, given in prompts.items():
        system = {"system_message": f"MARK-system {hostile(marker, 'field')}"} if name == "field" else {}
        recipe = {**small, "prompt_limit": None, **given, "prompt_style": f"file:{root / name}", **system}
        (root / f"{name}.yaml").write_text(yaml.safe_dump(recipe))
        command = [sys.executable, "-m", "lm_eval", "--model", "ssd-hf", *ASKED, "--output_path", f"out-{name}"]
        command += ["--metadata", '{"repeats": 1}']
        command += ["--model_args", f"pretrained=demo,recipe={root / name}.yaml,name={name},device=cpu"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=root, env=env, timeout=600, check=False)
        assert done.returncode == 0, done.stderr
        (results,) = (root / f"out-{name}").rglob("results_*.json")
        (samples,) = (root / f"out-{name}").rglob("samples_*.jsonl")
        rows = [json.loads(line) for line in samples.read_text("utf-8").splitlines()]
        found[name] = SimpleNamespace(stderr=done.stderr, results=json.loads(results.read_text("utf-8")), rows=rows)
    patch = pytest.MonkeyPatch()
    patch.setenv("SSD_HARNESS_HOME", env["SSD_HARNESS_HOME"])
    patch.delenv("SSD_LCB_DATA", raising=False)
    yield SimpleNamespace(root=root, marker=marker, **found)
    patch.undo()


def trained_prompts(name):
    """Return what the model was asked in its training, from the very token ids."""
    made = registry.get(name)
    tokenizer = loading.load_tokenizer(made.path)
    stage = artifacts_of(made.manifest)["samples"]
    return [tokenizer.decode(sample.prompt_ids) for sample in shards.read_samples(stage)]


def texts(runs, name):
    """Return the four attacks of a style, as they must stand in every prompt: one of stdin or functional, and system."""
    system = "system" if name == "folder" else "field"
    return [f"MARK-{kind} {hostile(runs.marker, kind)}" for kind in ("stdin", "functional")], (
        f"MARK-system {hostile(runs.marker, system)}"
    )


@pytest.mark.parametrize("name", ["folder", "field"])
def test_training_and_evaluation_ask_in_the_same_words_as_literal_text(runs, name):
    kinds, system = texts(runs, name)
    trained, asked = (
        trained_prompts(name),
        [row["arguments"]["gen_args_0"]["arg_0"] for row in getattr(runs, name).rows],
    )
    assert len(trained) == (6 if name == "folder" else 4)
    assert len(asked) == 2
    for prompt in [*trained, *asked]:
        assert system in prompt
        assert any(kind in prompt for kind in kinds)
        assert "Answer it." in prompt
    assert list(runs.marker.iterdir()) == []


@pytest.mark.parametrize("name", ["folder", "field"])
def test_the_result_says_that_they_are_the_same(runs, name):
    block = getattr(runs, name).results["config"]["ssd"]["prompt_style"]
    assert (block["differ"], block["difference"]) == (False, None)
    assert block["training"]["sha256"] == block["evaluation"]["sha256"]
    assert block["evaluation"]["system_message"].startswith("MARK-system")
    assert block["training"]["in_style"] == (6 if name == "folder" else 4)
    assert "differ" not in getattr(runs, name).stderr
    assert f"prompt style file:{name} (" in getattr(runs, name).stderr


def evaluate(name, **flags):
    patches.activate()
    options = {"limit": 1, "predict_only": True, "metadata": {"repeats": 1}, **flags}
    results = lm_eval.simple_evaluate("ssd-hf", model_args=f"pretrained=ssd:{name},device=cpu", tasks=[MINI], **options)
    return results, results["samples"][MINI][0]["arguments"][0][0]


def test_a_checkpoint_keeps_its_words_when_their_folder_is_gone(runs, capfd):
    (runs.root / "folder").rename(runs.root / "moved")
    try:
        results, asked = evaluate("folder")
    finally:
        (runs.root / "moved").rename(runs.root / "folder")
    assert "MARK-system" in asked
    assert results["config"]["ssd"]["prompt_style"]["differ"] is False
    assert "differ" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("flags", "which"),
    [
        ({"metadata": {"repeats": 1, "prompt": "ssd/completion"}}, "words, system message, form"),
        ({"metadata": {"repeats": 1, "prompt": "ssd/chat"}}, "words, system message"),
        ({"system_instruction": "Be brief."}, "system message"),
    ],
)
def test_an_evaluation_in_other_words_says_so(runs, capfd, flags, which):
    results, asked = evaluate("folder", **flags)
    block = results["config"]["ssd"]["prompt_style"]
    assert block["differ"] is True
    assert f"differ in {which}: training file:folder" in block["difference"]
    assert results["configs"][MINI]["metadata"]["ssd_harness"]["prompt"]["differs_from_training"] == block["difference"]
    assert block["difference"] in capfd.readouterr().err
    assert ("MARK-stdin" in asked) == ("system_instruction" in flags)


def test_manifest_and_card_name_the_style_and_no_folder_of_this_machine(runs):
    made = registry.get("folder")
    style = made.manifest["prompt_style"]
    assert style["stdin"].startswith("MARK-stdin")
    assert "evaluation_differs" not in style
    card = model_card(made)
    assert f"prompt style: file:folder, sha256 {style['sha256']}, 6 of 6 prompts in its words" in card
    assert str(runs.root) not in card


def test_an_override_in_the_making_command_is_in_manifest_and_card(runs):
    patches.activate()
    given = f"pretrained=demo,recipe={runs.root / 'folder.yaml'},name=other,seed=1,device=cpu"
    metadata = {"repeats": 1, "prompt": f"file:{runs.root / 'field'}"}
    results = lm_eval.simple_evaluate(
        "ssd-hf", model_args=given, tasks=[MINI], limit=1, predict_only=True, metadata=metadata
    )
    made = registry.get("other")
    difference = results["config"]["ssd"]["prompt_style"]["difference"]
    assert "evaluation file:field (" in difference
    assert made.manifest["prompt_style"]["evaluation_differs"] == difference
    assert "its evaluation: the prompts of training and evaluation differ in system message" in model_card(made)


def test_a_base_model_is_asked_in_the_words_of_its_recipe(runs):
    patches.activate()
    given = f"pretrained=demo,rounds=0,prompt_style=file:{runs.root / 'folder'},device=cpu"
    results = lm_eval.simple_evaluate(
        "ssd-hf", model_args=given, tasks=[MINI], limit=1, predict_only=True, metadata={"repeats": 1}
    )
    asked = results["samples"][MINI][0]["arguments"][0][0]
    assert "MARK-system" in asked
    assert "MARK-stdin" in asked
    block = results["config"]["ssd"]["prompt_style"]
    assert (block["training"], block["differ"], block["evaluation"]["name"]) == (
        None,
        False,
        f"file:{runs.root / 'folder'}",
    )


def test_a_stock_model_class_keeps_the_default_and_says_that_the_training_differs(runs, caplog):
    patches.activate()
    results = lm_eval.simple_evaluate(
        "hf",
        model_args=f"pretrained={registry.get('folder').path},device=cpu,dtype=float32",
        tasks=[MINI],
        limit=1,
        predict_only=True,
        apply_chat_template=True,
        gen_kwargs="max_gen_toks=4",
        metadata={"repeats": 1},
    )
    asked = results["configs"][MINI]["metadata"]["ssd_harness"]["prompt"]
    assert asked["name"] == "ssd/chat"
    assert "differ in words, system message: training file:folder" in asked["differs_from_training"]
    assert asked["differs_from_training"] in caplog.text
