"""The documentation says what the code does, or a test says that it does not."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [
    file
    for folder in ("ssd_harness", "plugins", "tasks", "runs", "tests")
    for file in (ROOT / folder).rglob("*")
    if file.suffix in {".py", ".sh", ".yaml"}
]


def test_the_generated_pages_are_up_to_date():
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_environment_variable_is_documented():
    named = {
        word for file in SOURCES for word in re.findall(r"\bSSD_[A-Z]+(?:_[A-Z]+)*\b", file.read_text(encoding="utf-8"))
    }
    documented = set(re.findall(r"`(SSD_[A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")))
    assert named - documented == set()


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name
)
def test_links_to_files_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_readme_names_every_command_and_both_scripts():
    from ssd_harness.cli import COMMANDS

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"ssd-harness {command}" in readme, command
    assert "bash runs/demo.sh" in readme
    assert "bash runs/test.sh" in readme
