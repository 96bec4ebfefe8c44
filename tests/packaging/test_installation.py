"""Wheel, source distribution and editable installation all carry tasks, plugins and hook, and take them away again."""

import json
import re
import subprocess
import tarfile
import zipfile

import pytest

pytestmark = pytest.mark.slow

HOOK = "ssd_harness_hook.pth"
# What the plain lm_eval sees in a fresh interpreter, without a word about us.
LOOK = """
import json
import lm_eval.models
from lm_eval.api.registry import model_registry
from lm_eval.tasks import TaskManager

print(json.dumps([sorted(TaskManager(include_defaults=False).all_subtasks), "ssd-hf" in model_registry]))
"""
PLUGINS = """
import importlib.resources, json
from ssd_harness.extensions import plugin_manager

plugins = [str(plugin) for plugin in plugin_manager.load().plugins()]
print(json.dumps([plugins, importlib.resources.files("ssd_harness.plugins").is_dir()]))
"""


def source_files(sources):
    """Files below the three packages, by the names they should have in a wheel."""
    for folder, name in (
        ("ssd_harness", "ssd_harness"),
        ("tasks", "ssd_harness/tasks"),
        ("plugins", "ssd_harness/plugins"),
    ):
        for path in (sources / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield f"{name}/{path.relative_to(sources / folder).as_posix()}"


def test_wheel_holds_every_file_of_the_packages_and_the_hook(sources, wheel):
    shipped = set(zipfile.ZipFile(wheel).namelist())
    assert set(source_files(sources)) <= shipped
    assert HOOK in shipped
    stray = {name for name in shipped if not name.startswith(("ssd_harness/", "ssd_harness-"))}
    assert stray == {HOOK}


def test_source_distribution_holds_what_the_wheel_is_made_of(sdist, wheel):
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    mapped = {re.sub("^(tasks|plugins)/", r"ssd_harness/\1/", name) for name in held}
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("ssd_harness/")}
    assert shipped <= mapped
    assert {"setup.py", "pyproject.toml", "LICENSE"} <= held


@pytest.mark.parametrize("kind", ["wheel", "sdist", "editable"])
def test_plain_lm_eval_finds_us_until_we_are_uninstalled(kind, installation, request, sources):
    if kind == "editable":
        installation.install("-e", sources)
    else:
        installation.install(request.getfixturevalue(kind))
    tasks, model = json.loads(installation.run("-c", LOOK))
    assert model
    assert "livecodebench_v6" in tasks
    assert json.loads(installation.run("-c", PLUGINS)) == [["'builtin' (ssd-harness 0.1.0)"], True]
    assert installation.run("-m", "ssd_harness", "--version").startswith("ssd-harness ")

    assert json.loads(installation.run("-c", LOOK, SSD_HARNESS_NO_HOOK="1")) == [[], False]

    installation.pip("uninstall", "-y", "ssd-harness")
    assert [path.name for path in installation.site.iterdir() if "ssd" in path.name] == []
    assert json.loads(installation.run("-c", LOOK)) == [[], False]


def test_a_checkout_as_current_folder_does_not_hide_the_installed_wheel(installation, wheel, sources):
    installation.install(wheel)
    installation.empty = sources
    assert "livecodebench_v6" in json.loads(installation.run("-c", LOOK))[0]
    assert json.loads(installation.run("-c", PLUGINS)) == [["'builtin' (ssd-harness 0.1.0)"], True]


def test_half_removed_package_leaves_python_and_lm_eval_alone(installation, wheel):
    installation.install(wheel)
    package = installation.site / "ssd_harness"
    (package / "harness" / "patches" / "__init__.py").write_text("import gone_with_the_rest")
    program = "import lm_eval.models, lm_eval.tasks.manager; print(len(lm_eval.models.MODEL_MAPPING) > 30)"
    done = subprocess.run([installation.python, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("True\n", 0)
    assert done.stderr == "ssd-harness: not available in lm_eval: No module named 'gone_with_the_rest'\n"

    (package / "startup_hook.py").unlink()
    done = subprocess.run([installation.python, "-c", "print(1)"], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("1\n", "")
