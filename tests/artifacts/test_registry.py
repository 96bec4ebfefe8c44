import json

import pytest

from ssd_harness.artifacts import registry
from ssd_harness.errors import UsageError


@pytest.fixture
def make(state, tmp_path):
    """Register a small fake checkpoint."""

    def register(name, fingerprint="f" * 64, parent=None):
        folder = tmp_path / f"work-{name}"
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"weights of " + name.encode())
        manifest = {"fingerprint": fingerprint, "parent": parent, "base": {"name": "b"}, "recipe": {}, "rounds": []}
        return registry.register(name, folder, manifest)

    return register


def test_register_moves_the_folder_and_finds_it_by_name_and_fingerprint(make, tmp_path):
    made = make("one")
    assert not (tmp_path / "work-one").exists()
    assert made.path == registry.models_folder() / "one"
    assert str(made.path.readlink()) == f"../checkpoints/{'f' * 16}"
    assert registry.get("ssd:one") == made == registry.find("f" * 64)
    assert json.loads((made.path / "ssd_manifest.json").read_text())["name"] == "one"


def test_a_name_of_another_recipe_is_refused_before_anything_is_lost(make, tmp_path):
    make("one")
    with pytest.raises(UsageError, match="belongs to a checkpoint of another recipe"):
        registry.check_free("one", "a" * 64)
    (tmp_path / "other").mkdir()
    with pytest.raises(UsageError):
        registry.register("one", tmp_path / "other", {"fingerprint": "a" * 64})
    assert (registry.get("one").path / "model.safetensors").read_bytes() == b"weights of one"


def test_a_second_name_survives_the_first(make):
    second = registry.alias(make("one"), "two")
    assert second.fingerprint == "f" * 64
    assert registry.remove("one") == 0
    assert (registry.get("two").path / "model.safetensors").read_bytes() == b"weights of one"


def test_rename_keeps_everything_else(make):
    make("one")
    assert registry.rename("one", "two").manifest["fingerprint"] == "f" * 64
    assert registry.lookup("one") is None


def test_a_parent_is_not_removed_silently(make):
    make("parent")
    make("child", fingerprint="c" * 64, parent="f" * 64)
    with pytest.raises(UsageError, match="child"):
        registry.remove("parent")
    assert registry.remove("parent", force=True) > 0
    assert [checkpoint.name for checkpoint in registry.checkpoints()] == ["child"]


def test_unknown_names_list_what_there_is(make):
    make("one")
    with pytest.raises(UsageError, match="registered: one"):
        registry.get("ssd:two")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "x" * 200])
def test_names_stay_inside_the_folder(state, name):
    with pytest.raises(UsageError, match="cannot name a checkpoint"):
        registry.lookup(name)


def test_checkpoints_trained_elsewhere_with_equal_weights_keep_what_is_said_of_each(state, tmp_path):
    for name, temperature in (("one", 0.7), ("two", 0.9), ("three", 0.9)):
        (tmp_path / name).mkdir()
        manifest = {"fingerprint": "e" * 64, "trained": registry.ELSEWHERE, "recipe": {"T_eval": temperature}}
        registry.register(name, tmp_path / name, manifest)
    said = {checkpoint.name: checkpoint.manifest["recipe"]["T_eval"] for checkpoint in registry.checkpoints()}
    assert said == {"one": 0.7, "two": 0.9, "three": 0.9}
    assert len(list((state / "checkpoints").iterdir())) == 2
