"""Upload a checkpoint to the Hugging Face Hub: its files, a manifest without this machine's folders, and a card."""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ssd_harness import storage
from ssd_harness.artifacts.layout import models_folder
from ssd_harness.artifacts.registry import Checkpoint
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.printable import first_line
from ssd_harness.results.model_card import model_card, public

_MANIFEST, _CARD = "ssd_manifest.json", "README.md"


@contextlib.contextmanager
def prepared(checkpoint: Checkpoint, *, licence: str | None = None) -> Iterator[Path]:
    """Yield a temporary folder with exactly the files to upload; large files are links."""
    root = models_folder()
    with storage.disk_errors(root):
        folder = Path(tempfile.mkdtemp(prefix=f".push-{checkpoint.name}-", dir=root))
    try:
        with storage.disk_errors(folder):
            for file in sorted(checkpoint.path.rglob("*")):
                target = folder / file.relative_to(checkpoint.path)
                if file.is_dir():
                    target.mkdir()
                elif file.name not in {_MANIFEST, _CARD}:
                    storage.link_or_copy(str(file), str(target))
            (folder / _MANIFEST).write_text(json.dumps(public(checkpoint.manifest), indent=2) + "\n", "utf-8")
            (folder / _CARD).write_text(model_card(checkpoint, licence=licence), "utf-8")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_repository(name: str) -> None:
    """Raise :class:`UsageError` unless ``name`` is a valid repository name."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise UsageError(f"no repository can have this name: {first_line(error)}", where=name) from error


def upload(folder: Path, repository: str, checkpoint: Checkpoint, *, private: bool = False) -> str:
    """Upload a prepared folder and return the address of the commit; a refusal is a one-line error."""
    from huggingface_hub import HfApi

    check_repository(repository)
    api = HfApi()
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        message = f"Upload {checkpoint.name}, fingerprint {checkpoint.fingerprint[:16]}"
        return str(api.upload_folder(repo_id=repository, folder_path=folder, commit_message=message).commit_url)
    except Exception as error:  # the client raises its own, httpx's and OSError, all meaning that it did not work
        raise InfrastructureError(
            f"the Hub refused the upload: {type(error).__name__}: {first_line(error)}",
            where=repository,
            next_step="check the network and HF_TOKEN, which must allow writing, and run the same command again",
        ) from error
