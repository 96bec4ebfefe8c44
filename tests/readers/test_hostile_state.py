"""What is read of models, manifests and runs: whatever is in the files, one clear error or a value, never a traceback."""

import json

import pytest
from readers.changed_files import command, files

from ssd_harness.artifacts import registry
from ssd_harness.artifacts.base_model import find_base
from ssd_harness.artifacts.verdict_journal import Journal
from ssd_harness.distill import exporting
from ssd_harness.engines.loading import generation_config
from ssd_harness.prompts.overlap.lineage import read_lineage
from ssd_harness.recipe.definition import Recipe
from ssd_harness.results.model_card import model_card

pytestmark = pytest.mark.usefixtures("state")

MANIFEST = {
    "fingerprint": "f" * 64,
    "base": {"name": "some/base", "revision": None, "weights": "sha256 00"},
    "recipe": {"T_eval": 0.8, "T_train": 1.1, "trust_remote_code": True, "system_message": None},
    "origins": {"T_train": "given"},
    "files": {"model.safetensors": 7},
    "rounds": [{"sample": {"samples": 1}, "train": {"adapter": "merged", "losses": [1.0, 0.5]}}],
    "prompts": {"source": "p.jsonl", "sha256": "00", "count": 3},
    "overlap": {"ngram": 13, "sketches": [{"file": "s.parquet", "sha256": "00"}], "unknown": ["x"]},
    "software": {"ssd_harness": "1"},
    "parent": "a" * 64,
    "variant": registry.VERIFIED,
    "round_choice": {"task": "t", "metric": "m", "chosen": 1, "rounds": [{}]},
}


def test_manifests(attack, state, capsys):
    for name in ("good", "odd"):
        folder = state / "checkpoints" / name
        folder.mkdir(parents=True)
        registry.point(name, folder)
        (folder / "model.safetensors").write_bytes(b"weights")
        (folder / "config.json").write_text('{"model_type": "qwen3"}')
        (folder / "ssd_manifest.json").write_text(json.dumps({**MANIFEST, "fingerprint": "e" * 64}))

    def read(path):
        for words in (("list",), ("show", "odd"), ("show", "good"), ("push", "odd", "u/n", "--dry-run")):
            command(capsys, "models", *words)
        command(capsys, "recipe", "show", "ssd:odd")
        assert "good" in {checkpoint.name for checkpoint in registry.checkpoints()}
        odd = registry.get("odd")
        from ssd_harness.harness.models.model_under_test import _checkpoint_info

        _checkpoint_info(odd, Recipe())
        model_card(odd)
        read_lineage("odd", odd.path, odd.manifest)

    attack("home/checkpoints/odd/ssd_manifest.json", files([MANIFEST], lines=False), read, 80)


@pytest.mark.hf
@pytest.mark.parametrize("name", ["run/plan.json", f"home/kept/{'a' * 16}/job.json"])
def test_runs_whose_samples_are_exported(attack, state, tmp_path, name):
    folder, kept = tmp_path / "run", state / "kept" / ("a" * 16)
    folder.mkdir()
    kept.mkdir(parents=True)
    (kept / "manifest.json").write_text("{}")
    (folder / "prompts.jsonl").write_text("")
    about = {key: MANIFEST[key] for key in ("fingerprint", "base", "recipe", "prompts")}
    about["artifacts"] = {"samples": "b" * 64, "kept": "a" * 64}
    job = {"stage": "filter", "recipe": {"T_train": 1.1}, "model": "m", "prompts": str(folder / "prompts.jsonl")}
    job |= {"prompt_count": 3, "seed": 0, "samples": str(folder)}
    (folder / "plan.json").write_text(json.dumps(about))
    (kept / "job.json").write_text(json.dumps(job))
    exporting.find_run(str(folder))
    content = files([about if name == "run/plan.json" else job], lines=False)

    def read(path):
        run = exporting.find_run(str(folder))
        assert run.about["fingerprint"]

    attack(name, content, read)


@pytest.mark.parametrize(
    "name", ["config.json", "generation_config.json", "tokenizer_config.json", "chat_template.jinja"]
)
def test_settings_of_a_model(attack, tmp_path, name):
    settings_of = {
        "config.json": {"model_type": "qwen3", "hidden_size": 2560, "architectures": ["Qwen3ForCausalLM"]},
        "generation_config.json": {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "eos_token_id": [1, 2]},
        "tokenizer_config.json": {"chat_template": [{"name": "default", "template": "{{ x }}"}]},
        "chat_template.jinja": "{% if add_generation_prompt %}<think>{% endif %}",
    }
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(settings_of["config.json"]))

    def read(path):
        generation_config(folder)
        find_base(str(folder))

    attack(f"model/{name}", files([settings_of[name]], lines=False), read)


def test_our_own_journal_after_somebody_has_edited_it(attack):
    row = {"key": "k", "question_id": "a", "sample": 0, "verdict": "AC", "test": None, "cpu_s": 0.0, "wall_s": 0.0}
    row |= {"peak": 0, "message": "", "reruns": 0, "cause": "", "passed": True}
    attack("journal.jsonl", files([row]), lambda path: Journal(path).read())
