"""``ssd-harness cache``: list stored runs, samples and generations, and remove unused ones."""

import argparse
import sys

from ssd_harness.artifacts import cache, former_layout
from ssd_harness.cli.actions import add_action
from ssd_harness.cli.fields import count
from ssd_harness.errors import ExitCode
from ssd_harness.home import home
from ssd_harness.printable import printable
from ssd_harness.tables import text_table

_EXAMPLES = """examples:
  ssd-harness cache list
  ssd-harness cache prune --dry-run
  ssd-harness cache prune --unfinished 30

Runs, samples, checkpoints and generations are stored in $SSD_HARNESS_HOME. `prune` removes those that no registered
checkpoint and no unfinished run needs, such as the samples of a checkpoint that `ssd-harness models remove` deleted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``list``, ``prune`` and ``migrate``."""
    parser.epilog = _EXAMPLES
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    summary = "list runs, samples and generations with their size, owner and what needs them"
    add_action(actions, "list", summary, "ssd-harness cache list")
    summary = "remove runs, samples and generations that nothing needs"
    prune = add_action(
        actions, "prune", summary, "ssd-harness cache prune --dry-run", "ssd-harness cache prune --unfinished 30"
    )
    prune.add_argument("--dry-run", action="store_true", help="show what would be removed and how much space it frees")
    prune.add_argument(
        "--unfinished",
        type=count,
        metavar="DAYS",
        help="also remove unfinished runs with their samples, and generations of unregistered models, unused for at "
        "least DAYS days",
    )
    prune.add_argument("--all-users", action="store_true", help="also remove files of other users")
    summary = "move the runs and checkpoints of an earlier version to their present folders"
    add_action(actions, "migrate", summary, "ssd-harness cache migrate")


def run(arguments: argparse.Namespace) -> int:
    """List, prune or migrate."""
    if arguments.action == "migrate":
        return _migrate()
    entries = cache.entries()
    if arguments.action == "list":
        return _list(entries)
    chosen, others = [], 0
    for entry in entries:
        given_up = entry.unfinished and arguments.unfinished is not None and entry.idle_days >= arguments.unfinished
        if entry.needed_by and not given_up:
            continue
        if entry.is_mine or arguments.all_users:
            chosen.append(entry)
        else:
            others += 1
    files = {entry.path: entry.files() for entry in chosen}
    for entry, gone in cache.prune(chosen, dry_run=arguments.dry_run):
        size = sum(status.st_size for status in files[entry.path])
        if gone:
            verb = "would remove" if arguments.dry_run else "removed"
            print(f"{verb} {entry.kind} {printable(entry.path.name)} ({_size(size)}), {printable(entry.about)}")
        else:
            del files[entry.path]
            print(f"ssd-harness: {entry.kind} {entry.path.name} is in use, left alone", file=sys.stderr)
    freed = cache.freed_bytes(files.values())
    if others:
        print(f"ssd-harness: {others} of other users left alone; --all-users takes them too", file=sys.stderr)
    print(f"{'would free' if arguments.dry_run else 'freed'} {_size(freed)}")
    return ExitCode.DONE


def _list(entries: list[cache.Entry]) -> int:
    rows = [
        (
            entry.kind,
            entry.path.name,
            _size(entry.bytes),
            entry.about,
            entry.owner,
            f"for {entry.needed_by}" if entry.needed_by else "unused",
        )
        for entry in entries
    ]
    if rows:
        print(text_table(rows, right=[2]))
    total = sum(entry.bytes for entry in entries)
    unused = cache.freed_bytes(entry.files() for entry in entries if not entry.needed_by)
    print(f"{len(entries)} entries in {home()}, {_size(total)}; `ssd-harness cache prune` would free {_size(unused)}")
    return ExitCode.DONE


def _migrate() -> int:
    moved = False
    for line in former_layout.migrate():
        print(printable(line), flush=True)
        moved = True
    if not moved:
        print(f"nothing to migrate in {home()}")
    return ExitCode.DONE


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.1f} kB"
