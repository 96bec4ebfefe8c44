"""A checkpoint from elsewhere is registered whole, finite and loadable, or not at all."""

import hashlib
import json
import os
import shutil
import subprocess

import pytest

pytest.importorskip("trl")

import torch
from safetensors.torch import load_file, save_file

from ssd_harness.artifacts import registry
from ssd_harness.cli.main import main
from ssd_harness.errors import ExitCode
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Trainer
from ssd_harness.extensions.hookspecs import hookimpl

pytestmark = pytest.mark.hf


@pytest.fixture
def trained(state, tiny_model, tmp_path):
    """A folder as another trainer leaves it: other weights, its own state, no tokenizer."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    weights = {name: tensor + 0.01 for name, tensor in load_file(tiny_model / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    shutil.copy(tiny_model / "config.json", folder)
    (folder / "optimizer.pt").write_bytes(b"pickled")
    (folder / "trainer_state.json").write_text("{}")
    return folder


def test_a_model_folder_becomes_a_checkpoint_that_can_be_evaluated(trained, tiny_model, capsys):
    from ssd_harness.harness.models.model_under_test import prepare_model

    words = ["import", str(trained), "--name", "theirs", "--base", str(tiny_model), "T_eval=1.25", "top_k_eval=none"]
    assert main(words) == ExitCode.DONE
    made = registry.get("theirs")
    assert f"ssd:theirs  {made.path}" in capsys.readouterr().out
    held = load_file(made.path / "model.safetensors")
    assert all(torch.equal(held[name], tensor) for name, tensor in load_file(trained / "model.safetensors").items())
    assert not {"optimizer.pt", "trainer_state.json"} & {file.name for file in made.path.iterdir()}
    for name in ("tokenizer.json", "chat_template.jinja", "generation_config.json"):
        assert (made.path / name).read_bytes() == (tiny_model / name).read_bytes()
    manifest = made.manifest
    assert (manifest["trained"], manifest["base"]["name"]) == ("trained elsewhere", str(tiny_model))
    subject = prepare_model("ssd:theirs", {})
    assert (subject.decoding["temperature"], subject.decoding["top_k"]) == (1.25, None)
    assert subject.about["fingerprint"] == manifest["fingerprint"]
    assert manifest["overlap"]["unknown"] == ["theirs"]  # nobody knows what it was trained on
    # The same again is the same; with other fields it is not.
    assert main(words) == ExitCode.DONE
    assert main([*words[:4], "--base", str(tiny_model)]) == ExitCode.USAGE
    assert "registered with other fields" in capsys.readouterr().err


def test_what_came_from_here_stays_a_verified_variant_with_its_prompts(trained, tiny_model):
    sketch = b"the sketch of some prompts"
    (trained / "ssd_prompts-1.parquet").write_bytes(sketch)
    known = {"file": "ssd_prompts-1.parquet", "sha256": hashlib.sha256(sketch).hexdigest()}
    about = {"fingerprint": "f" * 64, "base": {"name": "b"}, "variant": registry.VERIFIED, "recipe": {"T_eval": 1.3}}
    about["overlap"] = {"ngram": 13, "sketches": [known], "unknown": []}
    (trained / "ssd_manifest.json").write_text(json.dumps(about))
    assert main(["import", str(trained), "--name", "again", "--base", str(tiny_model), "top_k_eval=3"]) == ExitCode.DONE
    made = registry.get("again")
    assert made.verified
    assert made.fingerprint != "f" * 64
    assert made.manifest["recipe"] == {"T_eval": 1.3, "top_k_eval": 3}
    # Whoever trained it since may have used other prompts as well.
    assert made.manifest["overlap"]["unknown"] == ["again"]
    (kept,) = made.manifest["overlap"]["sketches"]
    assert (made.path / kept["file"]).read_bytes() == sketch
    assert main(["import", str(made.path), "--name", "moved"]) == ExitCode.DONE
    assert registry.get("moved").manifest["base"]["name"] == str(tiny_model)


def test_an_adapter_needs_a_trainer_that_merges(state, tiny_model, tmp_path, monkeypatch, capsys):
    manager = plugin_manager.load(outside=False)

    class Plugin:
        @hookimpl
        def ssd_trainers(self):
            return [Trainer("plain", print)]

    manager.register(Plugin(), "plain")
    monkeypatch.setattr(plugin_manager, "plugin_manager", lambda: manager)
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(tiny_model)}))
    (tmp_path / "adapter" / "adapter_model.safetensors").write_bytes(b"")
    assert main(["import", str(tmp_path / "adapter"), "--name", "merged", "trainer=plain"]) == ExitCode.USAGE
    assert "the trainer 'plain' cannot merge an adapter; merge it" in capsys.readouterr().err
    assert registry.checkpoints() == []


def test_an_adapter_is_merged_into_its_base(state, tiny_model, tmp_path, capsys):
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False))
    adapted.save_pretrained(tmp_path / "adapter")
    wanted = dict(adapted.merge_and_unload().named_parameters())
    assert main(["import", str(tmp_path / "adapter"), "--name", "merged"]) == ExitCode.DONE
    made = registry.get("merged")
    held = load_file(made.path / "model.safetensors")
    for name, tensor in held.items():
        torch.testing.assert_close(tensor, wanted[name].data, atol=1e-6, rtol=1e-5)
    assert made.manifest["adapter"] == "merged"
    assert (made.path / "tokenizer.json").exists()
    capsys.readouterr()
    main(["models", "list"])
    assert f"from {tiny_model}, LoRA merged, trained elsewhere" in capsys.readouterr().out

    (tmp_path / "bad").mkdir()
    shutil.copy(tmp_path / "adapter" / "adapter_config.json", tmp_path / "bad")
    assert main(["import", str(tmp_path / "bad"), "--name", "bad"]) == ExitCode.USAGE
    assert "does not fit its base model" in capsys.readouterr().err
    assert [checkpoint.name for checkpoint in registry.checkpoints()] == ["merged"]


def test_an_adapter_of_a_grown_vocabulary_is_refused_with_both_sizes(state, tiny_model, tmp_path, capfd):
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    size = model.config.vocab_size
    model.resize_token_embeddings(size + 1)
    settings = peft.LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["embed_tokens"])
    peft.get_peft_model(model, settings).save_pretrained(tmp_path / "adapter")
    words = ["import", str(tmp_path / "adapter"), "--name", "grown", "--base", str(tiny_model)]
    assert main(words) == ExitCode.USAGE
    error = capfd.readouterr().err.rstrip().splitlines()[-1]
    assert "size mismatch" in error
    assert f"[{size + 1}, 32]" in error
    assert f"[{size}, 32]" in error
    assert registry.checkpoints() == []


def test_a_link_shares_the_weights(trained, tiny_model):
    assert main(["import", str(trained), "--name", "l", "--base", str(tiny_model), "--link"]) == ExitCode.DONE
    made = registry.get("l").path
    assert (made / "model.safetensors").samefile(trained / "model.safetensors")
    registry.remove("l")
    assert (trained / "model.safetensors").exists()


def without(name):
    return lambda folder: (folder / name).unlink()


def replaced(change):
    def spoil(folder):
        weights = load_file(folder / "model.safetensors")
        change(weights)
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    return spoil


def nan(weights):
    weights["model.norm.weight"][3] = float("nan")


def lost(weights):
    del weights["model.layers.1.mlp.up_proj.weight"]


def reshaped(weights):
    weights["model.norm.weight"] = weights["model.norm.weight"][:-1].clone()


def cut(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])


def pickled(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (without("config.json"), "there is no config.json"),
        (without("model.safetensors"), "no weights in safetensors"),
        (pickled, "only pytorch_model.bin, which could run code"),
        (replaced(nan), "model.norm.weight are not finite"),
        (replaced(lost), "1 weight is missing: model.layers.1.mlp.up_proj.weight"),
        (replaced(reshaped), "1 weight is mismatched: model.norm.weight"),
        (cut, "the weights cannot be read"),
        (lambda folder: (folder / "config.json").write_text("{}"), "cannot load the model"),
        (lambda folder: (folder / "adapter_config.json").write_text("{}"), "the adapter does not fit"),
    ],
)
def test_what_could_not_be_used_is_one_line_and_leaves_nothing(trained, tiny_model, capfd, spoil, says):
    spoil(trained)
    code = main(["import", str(trained), "--name", "x", "--base", str(tiny_model)])
    assert code in {ExitCode.USAGE, ExitCode.INFRASTRUCTURE}
    error = capfd.readouterr().err
    assert says in error.rstrip().splitlines()[-1], error
    assert "Traceback" not in error
    assert registry.checkpoints() == registry.broken() == []
    assert [path.name for path in registry.models_folder().glob("*")] == []


def test_code_that_comes_along_is_neither_run_nor_asked_about(trained, tiny_model, monkeypatch, capfd):
    mark = trained / "ran"
    (trained / "theirs.py").write_text(f"open({str(mark)!r}, 'w')")
    config = json.loads((trained / "config.json").read_text())
    maps = {"AutoConfig": "theirs.Config", "AutoModelForCausalLM": "theirs.Model"}
    (trained / "config.json").write_text(json.dumps({**config, "model_type": "theirs", "auto_map": maps}))
    asked = []
    monkeypatch.setattr("builtins.input", lambda *words: asked.append(words) or "y")
    assert main(["import", str(trained), "--name", "x", "--base", str(tiny_model)]) == ExitCode.INFRASTRUCTURE
    assert not mark.exists()
    assert not asked
    assert "cannot load the model" in capfd.readouterr().err


def test_a_tokenizer_must_come_from_somewhere(trained, capsys):
    assert main(["import", str(trained), "--name", "x"]) == ExitCode.USAGE
    assert "has no tokenizer" in capsys.readouterr().err
    assert main(["import", str(trained), "--name", "../x"]) == ExitCode.USAGE
    assert main(["import", str(trained / "no"), "--name", "x"]) == ExitCode.USAGE
    assert main(["import", str(trained), "--name", "x", "--samples", "ffff"]) == ExitCode.USAGE
    for field in ("T_eval=-1", "lora_alpha=4", "rounds=-1"):
        assert main(["import", str(trained), "--name", "x", field]) == ExitCode.USAGE
        assert f"recipe field {field.partition('=')[0]}: expected" in capsys.readouterr().err
    assert main(["import", str(trained), "--name", "x", "T_evil=1"]) == ExitCode.USAGE
    assert "did you mean 'T_eval'" in capsys.readouterr().err


@pytest.mark.slow
def test_samples_go_out_and_the_model_that_learnt_them_comes_back(distiller, plugin, trained, tmp_path, monkeypatch):
    command = distiller.command(sampler="babbling")
    done = subprocess.run(
        [*command, "--until", "samples"], env=distiller.environment("out", **plugin), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    home = distiller.folder / "out"
    assert not (home / "models").exists()
    (run,) = (home / "training").glob("*")
    assert f"ssd-harness export {run.name} --format chat" in done.stdout
    assert {file.name for file in run.iterdir()} == {"lock", "plan.json"}
    monkeypatch.setenv("SSD_HARNESS_HOME", str(home))
    assert main(["export", run.name, "--out", str(tmp_path / "s.jsonl")]) == ExitCode.DONE
    assert len((tmp_path / "s.jsonl").read_text().splitlines()) == 150
    assert main(["import", str(trained), "--name", "back", "--samples", run.name]) == ExitCode.DONE
    made = registry.get("back")
    about = json.loads((run / "plan.json").read_text())
    assert made.manifest["samples"]["run"] == about["fingerprint"]
    assert made.manifest["recipe"]["T_train"] == 1.2
    assert made.manifest["base"]["name"] == str(distiller.model)
    assert made.manifest["overlap"]["unknown"] == []
    assert len(list(made.path.glob("ssd_prompts-*"))) == 1


def test_a_manifest_that_comes_along_never_says_how_to_run(trained, tiny_model, capsys):
    running = {"trust_remote_code": True, "device": "meta", "allow_overlap": True, "gpus": 8, "attention": "theirs"}
    about = {"fingerprint": "f" * 64, "recipe": {"T_eval": 1.3, **running}}
    (trained / "ssd_manifest.json").write_text(json.dumps(about))
    words = ["import", str(trained), "--name", "theirs", "--base", str(tiny_model)]
    assert main(words) == ExitCode.DONE
    assert registry.get("theirs").manifest["recipe"] == {"T_eval": 1.3}
    capsys.readouterr()
    assert main([*words[:3], "again", *words[4:], "trust_remote_code=true"]) == ExitCode.USAGE
    assert "trust_remote_code says how to run" in capsys.readouterr().err


def link_to(target):
    def put(folder, name):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)

    return put


def fifo(folder, name):
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)


def far_link(folder, name):
    """A link to a link within the folder, which leads out of it."""
    (folder / "z").symlink_to("/etc/hostname")
    link_to("z")(folder, name)


@pytest.mark.parametrize("name", ["tokenizer.json", "config.json", "ssd_manifest.json", "model.safetensors", "notes"])
@pytest.mark.parametrize(
    ("put", "says"),
    [
        (link_to("/etc/passwd"), "a link that leads out of the folder, to /etc/passwd"),
        (link_to("/etc"), "a link that leads out of the folder, to /etc"),
        (link_to("../../../../../../../../etc/passwd"), "a link that leads out of the folder, to /etc/passwd"),
        (far_link, "a link that leads out of the folder, to /etc/hostname"),
        (link_to("/dev/zero"), "a link that leads out of the folder"),
        (link_to("nowhere"), "a link that leads nowhere"),
        (fifo, "neither a file nor a folder"),
    ],
)
def test_nothing_outside_of_the_folder_is_read(trained, tiny_model, capsys, put, says, name):
    put(trained, name)
    assert main(["import", str(trained), "--name", "x", "--base", str(tiny_model)]) == ExitCode.USAGE
    assert says in capsys.readouterr().err.rstrip().splitlines()[-1]
    assert registry.checkpoints() == registry.broken() == []


def test_more_chat_templates_are_taken_along_and_a_link_among_them_is_refused(trained, tiny_model, capsys):
    templates = trained / "additional_chat_templates"
    templates.mkdir()
    (templates / "tool_use.jinja").write_text("{{ messages }}")
    words = ["import", str(trained), "--base", str(tiny_model), "--name"]
    assert main([*words, "more"]) == ExitCode.DONE
    assert (registry.get("more").path / "additional_chat_templates" / "tool_use.jinja").read_text() == "{{ messages }}"
    (templates / "rag.jinja").symlink_to("/etc/passwd")
    assert main([*words, "linked"]) == ExitCode.USAGE
    assert "a link that leads out of the folder" in capsys.readouterr().err
    assert registry.lookup("linked") is None


def test_links_within_the_folder_and_the_hubs_cache_are_followed(trained, tiny_model, tmp_path):
    (trained / "step-9").mkdir()
    (trained / "model.safetensors").rename(trained / "step-9" / "model.safetensors")
    (trained / "model.safetensors").symlink_to("step-9/model.safetensors")
    (trained / "latest").symlink_to("step-9")
    assert main(["import", str(trained), "--name", "in", "--base", str(tiny_model), "--link"]) == ExitCode.DONE
    held = registry.get("in").path / "model.safetensors"
    assert not held.is_symlink()
    assert held.samefile(trained / "step-9" / "model.safetensors")

    cache = tmp_path / "models--a--b"
    snapshot, blobs = cache / "snapshots" / "c0ffee", cache / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for file in tiny_model.iterdir():
        shutil.copy(file, blobs / f"blob-{file.name}")
        (snapshot / file.name).symlink_to(f"../../blobs/blob-{file.name}")
    assert main(["import", str(snapshot), "--name", "cached"]) == ExitCode.DONE
    assert not any(file.is_symlink() for file in registry.get("cached").path.iterdir())
    (snapshot / "tokenizer.json").unlink()
    (snapshot / "tokenizer.json").symlink_to("/etc/passwd")
    assert main(["import", str(snapshot), "--name", "other"]) == ExitCode.USAGE
