"""examples/plugin is installed from its folder beside ssd-harness, and a real run uses its filter and its sampler."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.hf]

FOLDER = Path(__file__).parents[2] / "examples" / "plugin"
RUN = ("distill", "demo", "prompt_limit=8", "n_train=2", "max_new_tokens_train=48", "steps=1", "batch_size_train=4")


@pytest.fixture(scope="module")
def plugin(install_in, wheel, tmp_path_factory):
    """A fresh environment with ssd-harness and the plugin; builds leave no trace in the checkout."""
    folder = tmp_path_factory.mktemp("plugin")
    copy = folder / "plugin"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
    installation = install_in(folder)
    installation.install(wheel)
    installation.install(copy)
    return installation


@pytest.fixture(scope="module")
def manifest(plugin):
    """The manifest of a checkpoint made with both parts of the plugin."""
    words = ("sampler=shorter-of-two", "filter=max-lines:5", "name=brief")
    plugin.run("-m", "ssd_harness", *RUN, *words)
    return json.loads(plugin.run("-m", "ssd_harness", "models", "show", "brief"))


def test_doctor_lists_it(plugin):
    done = subprocess.run(
        [plugin.python, "-m", "ssd_harness", "doctor"], capture_output=True, text=True, env=plugin.environment
    )
    assert "brevity (ssd-harness-brevity 1.0)" in done.stdout


def test_the_sampler_draws_pairs_and_keeps_the_shorter_one(plugin, manifest):
    stages = manifest["rounds"][0]
    assert stages["sample"]["sampler"]["chosen"] == "the shorter of two samples"
    assert stages["sample"]["samples"] == 16
    assert manifest["parts"]["sampler"].startswith("shorter-of-two")
    mean = stages["sample"]["tokens"] / 16
    plugin.run("-m", "ssd_harness", *RUN, "filter=none", "name=plain")
    plain = json.loads(plugin.run("-m", "ssd_harness", "models", "show", "plain"))["rounds"][0]["sample"]
    assert plain["samples"] == 16
    assert mean < plain["tokens"] / 16


def test_the_filter_drops_long_samples_and_gives_its_reason(manifest):
    filtered = manifest["rounds"][0]["filter"]
    assert filtered["reasons"] == {"more than 5 lines": filtered["dropped"]}
    assert filtered["kept"] + filtered["dropped"] == 16
    assert 0 < filtered["kept"] < 16


def test_a_wrong_argument_is_one_line_and_exit_code_2(plugin):
    command = [plugin.python, "-m", "ssd_harness", "recipe", "show", "demo", "filter=max-lines:few"]
    done = subprocess.run(command, capture_output=True, text=True, env=plugin.environment)
    assert done.returncode == 2
    assert done.stderr == (
        "ssd-harness: error: filter=max-lines: expected a positive integer, got 'few'; write filter=max-lines:40\n"
    )


def test_it_loads_nothing_heavy_before_it_is_used(plugin):
    program = (
        "import sys; from ssd_harness.extensions import plugin_manager; plugin_manager.plugin_manager(); "
        "assert 'ssd_harness_brevity.hooks' in sys.modules; "
        "print(sorted({'torch', 'transformers', 'lm_eval'} & set(sys.modules)))"
    )
    assert plugin.run("-c", program) == "[]\n"
