"""The documentation says what the code does, or a test says that it does not."""

import configparser
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
SOURCES = [
    file
    for folder in ("ssd_harness", "plugins", "tasks", "runs", "tests")
    for file in (ROOT / folder).rglob("*")
    if file.suffix in {".py", ".sh", ".yaml"}
]


@pytest.mark.process
def test_the_generated_pages_are_up_to_date():
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_field_that_a_plugin_sets_or_reads_is_documented():
    page = (ROOT / "docs" / "reference" / "hooks.md").read_text(encoding="utf-8")
    rows = re.findall(r"^(\| `.*|- `[^`]+`:.*)$", page, re.MULTILINE)
    assert len(rows) > 80
    assert [row for row in rows if re.search(r"\| *\|$|: *$", row)] == []


def test_every_environment_variable_is_documented_and_every_documented_one_is_read():
    named = {
        word for file in SOURCES for word in re.findall(r"\bSSD_[A-Z]+(?:_[A-Z]+)*\b", file.read_text(encoding="utf-8"))
    }
    documented = set(
        re.findall(r"`(SSD_[A-Z_]+)`", (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8"))
    )
    assert named ^ documented == set()


def anchors(page):
    """Return the anchors of a page's headings, as mkdocs and GitHub make them."""
    outside_of_code = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", outside_of_code, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_exist(page):
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
        linked = page.parent / target if target else page
        from_site = {"contributing.md": "CONTRIBUTING.md", "security.md": "SECURITY.md", "changelog.md": "CHANGELOG.md"}
        linked = ROOT / from_site[linked.name] if linked.name in from_site else linked
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), f"{target}#{anchor}"


def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path):
    pytest.importorskip("material", reason="the site needs the extra 'docs'")
    pytest.importorskip("mkdocstrings", reason="the site needs the extra 'docs'")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = sorted(tmp_path.rglob("*.html"))
    sources = {
        page.relative_to(ROOT / "docs").with_suffix(".html") for page in PAGES if page.is_relative_to(ROOT / "docs")
    }
    assert sources <= {page.relative_to(tmp_path) for page in pages}
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert re.findall(r"<(?:script|img|iframe)[^>]+src=\"?(?:https?:)?//[^>]*>", text) == [], page
        assert (
            re.findall(r"<link[^>]+rel=\"?(?:stylesheet|preconnect|icon)[^>]+href=\"?(?:https?:)?//[^>]*>", text) == []
        )


def test_every_package_and_module_has_one_line_in_the_table_of_rooms():
    packages = {f"{file.parent.name}/" for file in (ROOT / "ssd_harness").glob("*/__init__.py")}
    modules = {file.name for file in (ROOT / "ssd_harness").glob("*.py") if not file.name.startswith("__")}
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
    inside = page.partition("## Packages")[2].partition("Beside the package:")[0]
    listed = re.findall(r"^\| `([\w/.]+)` \| \S", inside, flags=re.MULTILINE)
    assert sorted(listed) == sorted(packages | modules)


ELSEWHERE = {"CHANGELOG.md", "log.md", "own-task.md"}
"""Pages that name files of the past, or of the reader's own folder."""


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in ELSEWHERE], ids=lambda page: page.name)
def test_files_and_folders_named_on_a_page_exist(page):
    named = re.findall(
        r"`((?:ssd_harness|plugins|tasks|tests|runs|docs|dev|examples)/[\w./-]*)`", page.read_text(encoding="utf-8")
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_test_loops_of_contributing_exist():
    config = configparser.ConfigParser()
    config.read(ROOT / "tox.ini", encoding="utf-8")
    loops = re.findall(r"`tox -e (\w+)`", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert {"quick", "lint", "docs"} <= set(loops)
    assert [loop for loop in loops if f"testenv:{loop}" not in config] == []
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_pre_commit_runs_the_ruff_of_this_environment_with_the_settings_of_pyproject():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    commands = {hook["id"]: hook["entry"] for repo in hooks for hook in repo["hooks"] if hook["language"] == "system"}
    assert commands == {"ruff-check": "ruff check --force-exclude", "ruff-format": "ruff format --force-exclude"}
    assert not any(hook.get("args") for repo in hooks for hook in repo["hooks"])
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert any(requirement.startswith("ruff") for requirement in extras["dev"])
    assert not (ROOT / "ruff.toml").exists()
    assert not (ROOT / ".ruff.toml").exists()


def test_the_changelog_has_a_dated_version_for_the_one_in_pyproject():
    versions = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    released = [version for version in versions if version != "Unreleased"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d{2}-\d{2}", version) for version in released)
    assert released[0].startswith(f"{project['version']} - ")


def test_the_readme_names_every_command_and_both_scripts():
    from ssd_harness.cli.main import COMMANDS

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"ssd-harness {command}" in readme, command
    assert "bash runs/demo.sh" in readme
    assert "bash runs/test.sh" in readme


def advertised():
    """Every command line in an indented block of README and docs, as words; a remark behind # is left out."""
    for page in PAGES:
        if page.name == "commands.md":  # written from the parsers themselves
            continue
        for line in page.read_text(encoding="utf-8").splitlines():
            if re.match(r"    (\$ )?(ssd-harness|lm_eval) ", line):
                yield pytest.param(
                    shlex.split(line.strip().removeprefix("$ "), comments=True), id=f"{page.name}: {line.strip()}"
                )


@pytest.mark.parametrize("words", list(advertised()))
def test_what_the_documentation_shows_is_a_command(words, monkeypatch):
    from ssd_harness.cli import main

    program, *arguments = words
    if program == "ssd-harness" and arguments[0] != "eval":
        main.parse(arguments, arguments[0])
        return
    from lm_eval._cli.harness import HarnessCLI

    monkeypatch.setattr(sys, "argv", ["lm_eval", *arguments[program == "ssd-harness" :]])
    assert HarnessCLI().parse_args().command == "run"


def test_the_quickstart_has_five_lines_and_an_extra_that_exists():
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Quickstart\n")[2].partition("\n## ")[0]
    lines = [line.strip() for line in section.splitlines() if line.startswith("    ")]
    assert len(lines) == 5
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (extra,) = re.findall(r"\.\[(\w+)\]", lines[1])
    assert extra in project["optional-dependencies"]
    assert lines[-1].startswith("lm_eval --model ssd-hf --model_args pretrained=demo ")


def test_the_citation_file_is_of_this_version_and_cites_the_paper():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert (cited["version"], cited["license"]) == (project["version"], project["license"])
    (paper,) = cited["references"]
    assert paper["url"] == project["urls"]["Paper"]
    assert paper["authors"]
    assert paper["url"] in (ROOT / "README.md").read_text(encoding="utf-8")
