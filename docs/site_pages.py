"""Add the Markdown files of the repository's root to the site, with their links turned to fit (an mkdocs hook)."""

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"contributing.md": "CONTRIBUTING.md", "security.md": "SECURITY.md", "changelog.md": "CHANGELOG.md"}


def on_files(files: Files, config: Any) -> Files:
    """Return ``files`` with one more page for each entry of ``PAGES``."""
    for page, source in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8").replace("](docs/", "](")
        for name, original in PAGES.items():
            text = text.replace(f"]({original}", f"]({name}")
        files.append(File.generated(config, page, content=text))
    return files
