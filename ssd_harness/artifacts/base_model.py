"""The base model: its location, and the identity of its weights and tokenizer."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ssd_harness import storage
from ssd_harness.artifacts import registry
from ssd_harness.engines.model_settings import read_settings
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.home import home
from ssd_harness.printable import first_line
from ssd_harness.recipe.definition import DEMO

_NO_WEIGHTS = {"training_args.bin", "optimizer.bin", "scheduler.bin"}
"""Files that trainers leave beside a model; they are not part of its identity."""
_WEIGHTS = ("*.safetensors", "*.bin", "*.gguf", "config.json", "generation_config.json")
TEMPLATES = "additional_chat_templates"
"""Folder of a model's additional chat templates."""
_TOKENIZER = ("tokenizer*", "vocab*", "merges*", "special_tokens_map.json", "added_tokens.json", "chat_template*")
_SETTINGS = ["config.json", "generation_config.json", *_TOKENIZER, "additional_chat_templates/*"]
_HUB_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A base model; one of the Hub may not be downloaded yet."""

    name: str
    """As the user wrote it."""
    local: Path | None
    revision: str | None
    """The Hub's commit."""
    weights: str
    """Identity of the weights: the commit, or a hash of the files."""
    tokenizer: str
    """Identity of tokenizer and chat template."""
    parent: str | None = None
    """Fingerprint of the checkpoint, if the model is a registered one."""

    def folder(self) -> Path:
        """Return the folder with the model's files; download them if necessary."""
        if self.local:
            return self.local
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(self.name, revision=self.revision))

    def records(self) -> Path:
        """Return a folder with this package's records about the model, if any; no weights are downloaded."""
        if self.local:
            return self.local
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(self.name, revision=self.revision, allow_patterns=["ssd_*"]))


def find_base(pretrained: str, revision: str | None = None) -> BaseModel:
    """Find ``pretrained``: ``demo``, ``ssd:NAME``, a local folder or a Hub id. Nothing big is downloaded.

    Raises :class:`UsageError`, one line, if there is no such model.
    """
    if pretrained == DEMO:
        return _local(DEMO, demo_folder())
    if pretrained.startswith(registry.PREFIX):
        checkpoint = registry.get(pretrained)
        return _local(pretrained, checkpoint.path, parent=checkpoint.fingerprint)
    folder = _folder_of(pretrained)
    return _local(pretrained, folder.resolve()) if folder else _from_hub(pretrained, revision)


def settings_folder(pretrained: str, revision: str | None = None) -> Path | None:
    """Return a folder with the model's configuration and templates, or None.

    For a Hub model these few kilobytes are downloaded if the Hub answers, else looked for in the local cache. Raises
    :class:`UsageError` for what can be nothing but a folder, if there is none.
    """
    if pretrained == DEMO:
        return demo_folder()
    if pretrained.startswith(registry.PREFIX):
        return registry.get(pretrained).path
    if folder := _folder_of(pretrained):
        return folder
    from huggingface_hub import HfApi, snapshot_download

    # find_base reports the failure.
    with contextlib.suppress(Exception):
        commit = HfApi().model_info(pretrained, revision=revision, timeout=_HUB_TIMEOUT_S).sha
        return Path(snapshot_download(pretrained, revision=commit, allow_patterns=_SETTINGS))
    with contextlib.suppress(Exception):
        return Path(snapshot_download(pretrained, revision=revision, local_files_only=True))
    return None


def _folder_of(pretrained: str) -> Path | None:
    """Return the local folder of that name, or None if it may be a Hub id."""
    with contextlib.suppress(OSError, RuntimeError):  # a name that is too long, an unknown user's home
        path = Path(pretrained).expanduser()
        if pretrained and path.is_dir():
            return path
    if not pretrained or pretrained.startswith((".", "~", "/")) or pretrained.count("/") > 1:
        what = "model not found: no such folder" if pretrained else "no model is named"
        raise UsageError(what, where=pretrained or None, next_step="give a Hub id, a folder, demo or ssd:NAME")
    return None


def demo_folder() -> Path:
    """Return the folder of the model that ships with the package."""
    return Path(str(resources.files("ssd_harness.demo") / "model"))


def _local(name: str, folder: Path, parent: str | None = None) -> BaseModel:
    if not (folder / "config.json").exists():
        raise UsageError("not a model: the folder has no config.json", where=folder)
    if not read_settings(folder / "config.json"):
        raise UsageError("not a model: its config.json is not a JSON object with settings", where=folder)
    try:
        return BaseModel(name, folder, None, *identity_of(folder), parent)
    except OSError as error:
        raise InfrastructureError(f"cannot read the model: {error.strerror}", where=error.filename) from error


def _from_hub(name: str, revision: str | None) -> BaseModel:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        commit = HfApi().model_info(name, revision=revision, timeout=_HUB_TIMEOUT_S).sha
        return BaseModel(name, None, commit, f"commit {commit}", f"commit {commit}")
    except HFValidationError:
        raise UsageError("model not found: neither a folder nor a Hub id", where=name) from None
    except Exception as error:  # noqa: BLE001 - the client raises its own, httpx's and OSError, all meaning: no answer
        kind = "" if isinstance(error, HfHubHTTPError) else f"{type(error).__name__}: "
        reason, denied = f"{kind}{first_line(error)[:200]}", error
    try:
        folder = Path(snapshot_download(name, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, OSError, ValueError):
        raise UsageError(
            f"model not found: no folder, not in the local cache, and the Hub says {reason}",
            where=name,
            next_step="check the name, the network and HF_TOKEN, or give a local folder",
        ) from denied
    return BaseModel(name, folder, folder.name, f"commit {folder.name}", f"commit {folder.name}")


def identity_of(folder: Path) -> tuple[str, str]:
    """Return the identities of weights and tokenizer in a model folder: hashes of the files."""
    return _hash_files(folder, _WEIGHTS), _hash_files(folder, (*_TOKENIZER, f"{TEMPLATES}/*"))


def _hash_files(folder: Path, patterns: Iterable[str]) -> str:
    """Hash names and contents; the hash of an unchanged large file is remembered."""
    matching = {file for pattern in patterns for file in folder.glob(pattern) if file.is_file()}
    files = sorted(file for file in matching if file.name not in _NO_WEIGHTS)
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\x00{_hash_file(file)}\x00".encode())
    return f"sha256 {digest.hexdigest()}"


def _hash_file(file: Path) -> str:
    status = file.stat()
    key = hashlib.sha256(f"{file.resolve()}".encode()).hexdigest()[:32]
    stamp = [status.st_size, status.st_mtime_ns, status.st_ino]
    note = home() / "hashes" / f"{key}.json"
    remembers = status.st_size > 32 << 20  # a small file is quick to read
    if remembers:
        try:
            remembered = json.loads(note.read_text("utf-8"))
        except (OSError, ValueError):
            remembered = {}
        if remembered.get("stamp") == stamp:
            return str(remembered["sha256"])
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if remembers:
        with contextlib.suppress(InfrastructureError):  # not writable: it is computed again
            storage.write_json(note, {"stamp": stamp, "sha256": digest, "file": os.fspath(file)})
    return digest
