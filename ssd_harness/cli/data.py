"""``ssd-harness data``: describe, verify and download the LiveCodeBench data."""

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

`verify` exits with code 3 if the tests of a file cannot be decoded, or if a file is not the official one of the
pinned revision (by its sha256), for example only a part of it. You can still evaluate and score with other data;
every table and result then says "not the official data"."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the action, and the release and window it applies to."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "action",
        choices=("info", "verify", "fetch"),
        help="info: print files, sizes, counts and checksums; verify: read all files, compare their checksums with the "
        "official ones and decode every test; fetch: download missing files",
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help=f"folder of the files (default: ${FOLDER_VARIABLE}, else the Hub)"
    )
    parser.add_argument("--release", default="v6", help=f"{', '.join(RELEASES)} (default: v6)")
    parser.add_argument("--window", default="v6", help="v6, v5, YYYY-MM..YYYY-MM or all (default: v6)")


def run(arguments: argparse.Namespace) -> int:
    """Run the action."""
    window = "all" if arguments.release in {MINI, "test6"} and arguments.window == "v6" else arguments.window
    selection = select(arguments.release, window)
    return {"info": _info, "verify": _verify, "fetch": _fetch}[arguments.action](selection, arguments.data)


def _info(selection: Selection, folder: Path | None) -> int:
    origin = "the package" if selection.release == MINI else f"{DATA_SET} at {REVISION[:12]}"
    absent = missing(selection, folder)
    paths = {file.name: cached(file) for file in selection.files} if absent else _paths(selection, folder)
    print(f"{selection} needs these files of {origin}:")
    for file in selection.files:
        print(f"  {file.name}: {'; '.join(_facts(file, paths.get(file.name)))}")
    if absent:
        names = " ".join(file.name for file in absent)
        print(
            f"missing: {names}; run `ssd-harness data fetch --release {selection.release} "
            f"--window {selection.window.name}`, or set {FOLDER_VARIABLE}"
        )
        return ExitCode.DONE
    _describe(open_store(selection, folder))
    return ExitCode.DONE


def _paths(selection: Selection, folder: Path | None) -> dict[str, Path]:
    return {path.name: path for path in locate(selection, folder).paths}


def _facts(file: DataFile, path: Path | None) -> list[str]:
    """Return rows and bytes of the official file, and the size of the local one."""
    official = [f"{file.rows} rows, {file.bytes:,} bytes"] if file.bytes else []
    return [*official, f"{path.stat().st_size:,} bytes here" if path else "missing"]


def _verify(selection: Selection, folder: Path | None) -> int:
    """Read all files again instead of their index, compare checksums, and decode the tests of all problems."""
    for path in locate(selection, folder).paths:
        content, changed = read_again(path)
        if changed:
            print(f"{path.name} has changed since it was indexed; its index is rebuilt")
        expected = published_sha256(path)
        if expected and expected != content.sha256:
            raise InfrastructureError(
                f"{path.name}: expected sha256 {expected[:12]}… (the Hub's), got {content.sha256[:12]}…",
                where=path.resolve(),
                next_step="delete this file and run `ssd-harness data fetch`",
            )
    store = open_store(selection, folder)
    _describe(store)
    failures = list(_failures(store))
    for failure in failures:
        print(f"  {failure}")
    if failures:
        raise InfrastructureError(
            f"cannot decode the tests of {len(failures)} of {len(store.problems)} problems",
            where=failures[0].where,
            next_step="delete the file and run `ssd-harness data fetch`",
        )
    print(f"decoded all tests of {len(store.problems)} problems")
    if store.unofficial:
        raise InfrastructureError(
            store.unofficial,
            where=", ".join(str(path) for path in store.source.paths),
            next_step="every result will say so; `ssd-harness data fetch` without --data gets the official files",
        )
    return ExitCode.DONE


def _fetch(selection: Selection, folder: Path | None) -> int:
    for file in missing(selection, folder):
        print(f"downloading {file.name} ({file.size})", flush=True)
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
        print(f"  problems with known errata (scored like the others): {', '.join(errata)}")
    if store.warning:
        print(f"warning: {store.warning}")
