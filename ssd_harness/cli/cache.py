"""``ssd-harness cache``: stored samples and generations, and what may go."""

import argparse
import sys

from ssd_harness.artifacts import cache
from ssd_harness.cli.actions import add_action
from ssd_harness.cli.fields import count
from ssd_harness.errors import ExitCode
from ssd_harness.home import home
from ssd_harness.printable import printable

_EXAMPLES = """examples:
  ssd-harness cache list
  ssd-harness cache prune --dry-run
  ssd-harness cache prune --unfinished 30

Samples of runs and generations of evaluations lie in SSD_HARNESS_HOME. `prune` removes those that neither a registered
checkpoint nor unfinished work needs: above all what `ssd-harness models remove` has left behind."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``list`` and ``prune``."""
    parser.epilog = _EXAMPLES
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    summary = "list runs and generations, their sizes and owners, and who needs them"
    add_action(actions, "list", summary, "ssd-harness cache list")
    summary = "remove what nothing needs and no process uses"
    prune = add_action(
        actions, "prune", summary, "ssd-harness cache prune --dry-run", "ssd-harness cache prune --unfinished 30"
    )
    prune.add_argument("--dry-run", action="store_true", help="print what would go and how much that frees")
    prune.add_argument(
        "--unfinished",
        type=count,
        metavar="DAYS",
        help="also unfinished runs, and generations of models as they are, that nobody has written to for so many days",
    )
    prune.add_argument("--all-users", action="store_true", help="also what belongs to other users")


def run(arguments: argparse.Namespace) -> int:
    """List or prune."""
    found = cache.entries()
    if arguments.action == "list":
        return _list(found)
    chosen, others = [], 0
    for entry in found:
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
            print(f"{'would remove' if arguments.dry_run else 'removed'} {_shown(entry, size)}")
        else:
            del files[entry.path]
            print(f"ssd-harness: {entry.kind} {entry.path.name} is in use, left alone", file=sys.stderr)
    freed = cache.freed_bytes(files.values())
    if others:
        print(f"ssd-harness: {others} of other users left alone; --all-users takes them too", file=sys.stderr)
    print(f"{'would free' if arguments.dry_run else 'freed'} {_size(freed)}")
    return ExitCode.DONE


def _list(found: list[cache.Entry]) -> int:
    for entry in found:
        need = f"for {entry.needed_by}" if entry.needed_by else "unused"
        print(f"{_shown(entry, entry.bytes)}  {entry.owner}  {printable(need)}")
    total = sum(entry.bytes for entry in found)
    unused = cache.freed_bytes(entry.files() for entry in found if not entry.needed_by)
    print(f"{len(found)} in {home()}, {_size(total)}; `ssd-harness cache prune` would free {_size(unused)}")
    return ExitCode.DONE


def _shown(entry: cache.Entry, size: int) -> str:
    return f"{entry.kind:12}{printable(entry.path.name):18}{_size(size):>14}  {printable(entry.about)}"


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.1f} kB"
