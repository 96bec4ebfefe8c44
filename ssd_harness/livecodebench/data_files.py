"""Locate the data files: in the package, in a user's folder, or on the Hub at the pinned revision."""

import os
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.livecodebench.releases import DATA_SET, MINI, REVISION, DataFile, Selection
from ssd_harness.printable import first_line

FOLDER_VARIABLE = "SSD_LCB_DATA"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a selection, in the release's order."""

    kind: str
    """``package``, ``folder`` or ``hub``."""
    paths: tuple[Path, ...]
    revision: str | None = None
    """The data set's commit, if known (``hub``)."""

    @property
    def pinned(self) -> bool:
        """Whether the content is pinned, so that a wrong number of problems is an error."""
        return self.kind == "hub"


def locate(selection: Selection, folder: Path | str | None = None) -> Source:
    """Find the files that ``selection`` needs; download those that the Hub's cache lacks.

    ``folder`` overrides ``SSD_LCB_DATA``, which overrides the Hub; the mini problems always come from the package.
    """
    if selection.release == MINI:
        path = Path(str(resources.files("ssd_harness.tasks"))) / "data" / selection.files[0].name
        return Source("package", (_existing(path),))
    folder = folder or os.environ.get(FOLDER_VARIABLE)
    if folder:
        root = Path(folder).expanduser()
        if not root.is_dir():
            raise UsageError(
                "the data folder does not exist", where=root, next_step=f"correct --data or {FOLDER_VARIABLE}"
            )
        return Source("folder", tuple(_existing(root / file.name) for file in selection.files))
    return Source("hub", tuple(fetch(file) for file in selection.files), REVISION)


def fetch(file: DataFile) -> Path:
    """Return the file's path in the Hub's cache; download it if it is missing."""
    import huggingface_hub

    try:
        return Path(huggingface_hub.hf_hub_download(DATA_SET, file.name, repo_type="dataset", revision=REVISION))
    except Exception as error:
        # Each client library raises its own network errors; none of them is a bug in this package.
        raise InfrastructureError(
            f"cannot download {file.name} ({file.size}) of the data set {DATA_SET}: {first_line(error)}",
            next_step=f"try again later, or set {FOLDER_VARIABLE} to a folder with the data set's files",
        ) from error


def cached(file: DataFile) -> Path | None:
    """Return the file's path if the Hub's cache has it, else None; never use the network."""
    import huggingface_hub

    path = huggingface_hub.try_to_load_from_cache(DATA_SET, file.name, repo_type="dataset", revision=REVISION)
    return Path(path) if isinstance(path, str) else None


def published_sha256(path: Path) -> str | None:
    """Return the checksum that names the content in the Hub's cache; None for a file outside of that cache."""
    name = path.resolve().name
    return name if path.is_symlink() and _SHA256.fullmatch(name) else None


def missing(selection: Selection, folder: Path | str | None = None) -> list[DataFile]:
    """Return the files that :func:`locate` would download; raise as it does if a local file is missing."""
    if selection.release == MINI or folder or os.environ.get(FOLDER_VARIABLE):
        locate(selection, folder)
        return []
    return [file for file in selection.files if cached(file) is None]


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InfrastructureError(
            "a data file is missing",
            where=path,
            next_step=f"put the data set's files there, or unset {FOLDER_VARIABLE} and run `ssd-harness data fetch`",
        )
    return path
