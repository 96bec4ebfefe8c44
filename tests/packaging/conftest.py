"""Installations to look at: fresh environments that borrow every package of this one but ours."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def sources(tmp_path_factory):
    """A copy of what packages are made of: builds leave no trace in the checkout."""
    copy = tmp_path_factory.mktemp("sources")
    for name in ("ssd_harness", "tasks", "plugins"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "LICENSE", "README.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="session")
def wheel(sources, tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", out, sources)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="session")
def sdist(sources, tmp_path_factory):
    out = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "build", "--no-isolation", "--sdist", "--outdir", out, sources)
    return next(out.glob("*.tar.gz"))


@pytest.fixture(scope="session")
def borrowed(tmp_path_factory):
    """Links to all packages of this environment except our own."""
    folder = tmp_path_factory.mktemp("borrowed")
    own = Path(sysconfig.get_path("purelib"))
    # A .pth file may add further folders of packages.
    folders = [own, *(path for path in map(Path, sys.path) if path.name == "site-packages" and path != own)]
    for entry in (entry for path in folders for entry in path.iterdir()):
        borrowed = folder / entry.name
        if "ssd_harness" not in entry.name and entry.suffix != ".pth" and not borrowed.is_symlink():
            borrowed.symlink_to(entry)
    return folder


class Installation:
    """A fresh environment; its Python runs in an empty folder, with none of this process's settings for us."""

    def __init__(self, folder, borrowed, environment):
        venv.create(folder / "env", with_pip=False, symlinks=True)
        self.python = folder / "env/bin/python"
        self.site = Path(run(self.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
        (self.site / "borrowed.pth").write_text(f"{borrowed}\n")
        self.empty = folder / "empty"
        self.empty.mkdir()
        self.environment = environment

    def pip(self, *arguments):
        return run(
            sys.executable, "-m", "pip", "--python", self.python, *arguments, cwd=self.empty, env=self.environment
        )

    def install(self, *arguments):
        self.pip("install", "--no-deps", "--no-build-isolation", "--no-index", *arguments)

    def run(self, *arguments, **environment):
        return run(self.python, *arguments, cwd=self.empty, env=self.environment | environment)


@pytest.fixture(scope="session")
def install_in(borrowed):
    """Make an installation in a folder, with none of this process's settings for us and a state folder of its own."""

    def make(folder):
        ours = {"PYTHONPATH", "SSD_HARNESS_NO_HOOK", "SSD_HARNESS_SANDBOX"}
        environment = {name: value for name, value in os.environ.items() if name not in ours}
        return Installation(folder, borrowed, environment | {"SSD_HARNESS_HOME": str(folder / "home")})

    return make


@pytest.fixture
def installation(tmp_path, install_in):
    return install_in(tmp_path)
