"""``ssd-hf`` on a machine without vLLM: what is asked for, what is refused, and why."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from ssd_harness.engines import choice
from ssd_harness.errors import UsageError
from ssd_harness.harness.models import engine_choice
from ssd_harness.harness.models.engine_choice import engine_for
from ssd_harness.harness.models.hf import SsdHf

pytestmark = pytest.mark.hf


@pytest.fixture
def has_vllm(monkeypatch):
    """A machine with a GPU and vLLM."""
    monkeypatch.setattr(choice, "accelerator", lambda asked: None if asked == "cpu" else "cuda")
    monkeypatch.setattr(choice, "installed_vllm", lambda: choice.InstalledVllm("vllm 9", for_cpu=False))


@pytest.fixture
def lacks_vllm(monkeypatch):
    """A machine with a GPU alone."""
    monkeypatch.setattr(choice, "accelerator", lambda _: "cuda")
    monkeypatch.setattr(choice, "installed_vllm", lambda: None)


def test_a_recipe_file_may_name_the_engine(has_vllm, tmp_path):
    (tmp_path / "r.yaml").write_text("engine: transformers\n")
    assert engine_for({"recipe": str(tmp_path / "r.yaml")}).words == "engine: transformers, as asked"
    assert engine_for({"device": "cpu"}).words == "engine: transformers, since no accelerator is used"
    assert engine_for({}).name == "vllm"


def test_several_processes_are_transformers(has_vllm, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert engine_for({}).words == "engine: transformers, since lm_eval runs in several processes, and vLLM is one"
    assert engine_for({"engine": "vllm"}).name == "vllm"  # whose class refuses it


@pytest.mark.parametrize("name", sorted(engine_choice.VLLM_ARGUMENTS))
def test_an_argument_of_vllm_alone_is_refused_with_the_reason(lacks_vllm, state, name):
    with pytest.raises(UsageError) as error:
        SsdHf(pretrained="demo", **{name: 2})
    assert str(error.value) == (
        f"{name}= is an argument of engine=vllm, and this is another (engine: transformers, since vllm is not "
        "installed: pip install 'ssd-harness[hf,vllm]'); leave it out, or give engine=vllm"
    )
    assert not state.exists() or not list(state.glob("runs/*"))


def test_vllm_that_is_not_installed_is_refused(lacks_vllm):
    with pytest.raises(UsageError, match="engine=vllm is given, but vLLM is not installed; pip install"):
        SsdHf(pretrained="demo", engine="vllm")


def test_results_say_the_engine_and_why(state, tiny_model):
    model = SsdHf(pretrained=str(tiny_model), rounds=0, engine="transformers", device="cpu")
    assert type(model) is SsdHf
    assert model.get_model_info()["ssd"]["engine"] == {"name": "transformers", "reason": "as asked"}
