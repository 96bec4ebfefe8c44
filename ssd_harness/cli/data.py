"""``ssd-harness data``: what LiveCodeBench data a selection needs, whether it is sound, and how to get it."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from ssd_harness.errors import ExitCode, InfrastructureError, SsdError
from ssd_harness.livecodebench.data_files import FOLDER_VARIABLE, cached, fetch, locate, missing, published_sha256
from ssd_harness.livecodebench.file_index import read_again
from ssd_harness.livecodebench.releases import DATA_SET, MINI, RELEASES, REVISION, DataFile, Selection, select
from ssd_harness.livecodebench.store import ProblemStore, open_store

_EXAMPLES = """examples:
  ssd-harness data info
  ssd-harness data fetch --release v6 --window v6
  ssd-harness data verify --data ./code_generation_lite --window all

`verify` ends with exit code 3 for a file whose tests cannot be decoded, and for any file that is not the
official one at the pinned revision by its sha256, a part of it too. Such data can be evaluated and scored;
every table and result of it then says "not the official data"."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the three actions and the selection that they are about."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "action",
        choices=("info", "verify", "fetch"),
        help="info: files, sizes, counts and checksums; verify: read all again, compare with the official checksums, "
        "decode every test; "
        "fetch: download what is missing",
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help=f"folder of the files (default: {FOLDER_VARIABLE}, else Hub)"
    )
    parser.add_argument("--release", default="v6", help=f"{', '.join(RELEASES)} (default: v6)")
    parser.add_argument("--window", default="v6", help="v6, v5, YYYY-MM..YYYY-MM or all (default: v6)")


def run(arguments: argparse.Namespace) -> int:
    """Do one of the three."""
    window = "all" if arguments.release in {MINI, "test6"} and arguments.window == "v6" else arguments.window
    selection = select(arguments.release, window)
    return {"info": _info, "verify": _verify, "fetch": _fetch}[arguments.action](selection, arguments.data)


def _info(selection: Selection, folder: Path | None) -> int:
    origin = "the package" if selection.release == MINI else f"{DATA_SET} at {REVISION[:12]}"
    absent = missing(selection, folder)
    here = {file.name: cached(file) for file in selection.files} if absent else _paths(selection, folder)
    print(f"{selection} needs, of {origin}:")
    for file in selection.files:
        print(f"  {file.name}: {'; '.join(_facts(file, here.get(file.name)))}")
    if absent:
        names = " ".join(file.name for file in absent)
        print(
            f"not here yet: {names}; run `ssd-harness data fetch --release {selection.release} "
            f"--window {selection.window.name}`, or set {FOLDER_VARIABLE}"
        )
        return ExitCode.DONE
    _describe(open_store(selection, folder))
    return ExitCode.DONE


def _paths(selection: Selection, folder: Path | None) -> dict[str, Path]:
    return {path.name: path for path in locate(selection, folder).paths}


def _facts(file: DataFile, path: Path | None) -> list[str]:
    """Return what the official file holds, and the size of the file that is here."""
    official = [f"{file.rows} rows, {file.bytes:,} bytes"] if file.bytes else []
    return [*official, f"{path.stat().st_size:,} bytes here" if path else "not here"]


def _verify(selection: Selection, folder: Path | None) -> int:
    """Read the files anew, whatever was indexed, compare checksums, and decode all tests of all problems."""
    for path in locate(selection, folder).paths:
        content, changed = read_again(path)
        if changed:
            print(f"{path.name} is not what it was when it was first read; its index is made anew")
        wanted = published_sha256(path)
        if wanted and wanted != content.sha256:
            raise InfrastructureError(
                f"{path.name} has the sha256 {content.sha256[:12]}…, the Hub's is {wanted[:12]}…",
                where=path.resolve(),
                next_step="remove this file and run `ssd-harness data fetch`",
            )
    store = open_store(selection, folder)
    _describe(store)
    failures = list(_failures(store))
    for failure in failures:
        print(f"  {failure}")
    if failures:
        raise InfrastructureError(
            f"the tests of {len(failures)} of {len(store.problems)} problems cannot be read",
            where=failures[0].where,
            next_step="fetch the file again",
        )
    print(f"all tests of {len(store.problems)} problems can be decoded")
    if store.unofficial:
        raise InfrastructureError(
            store.unofficial,
            where=", ".join(str(path) for path in store.source.paths),
            next_step="results with it say so; for the official files run `ssd-harness data fetch` without --data",
        )
    return ExitCode.DONE


def _fetch(selection: Selection, folder: Path | None) -> int:
    for file in missing(selection, folder):
        print(f"fetching {file.name} ({file.size})", flush=True)
        fetch(file)
    for path in locate(selection, folder).paths:
        print(path)
    _describe(open_store(selection, folder))
    return ExitCode.DONE


def _failures(store: ProblemStore) -> Iterator[SsdError]:
    for name in store.problems:
        try:
            store.tests(name)
        except SsdError as error:
            yield error


def _describe(store: ProblemStore) -> None:
    print(store.summary())
    for name, file in store.files.items():
        print(f"  {name}: {file['rows']} rows, sha256 {file['sha256']}")
    if errata := store.describe()["errata"]:
        print(f"  with known errata (scored like the others): {', '.join(errata)}")
    if store.warning:
        print(f"warning: {store.warning}")
