"""``ssd-harness models``: the registered checkpoints."""

import argparse
import json

from ssd_harness import registry
from ssd_harness.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions on checkpoints."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="list names, sizes and origins")
    show = actions.add_parser("show", help="print a checkpoint's manifest")
    show.add_argument("name", metavar="NAME")
    show.add_argument("--path", action="store_true", help="print only its folder, for other tools to load")
    rename = actions.add_parser("rename", help="rename a checkpoint")
    rename.add_argument("name", metavar="OLD")
    rename.add_argument("new", metavar="NEW")
    remove = actions.add_parser("remove", help="delete a checkpoint")
    remove.add_argument("name", metavar="NAME")
    remove.add_argument("--force", action="store_true", help="also if other checkpoints were made from it")


def run(arguments: argparse.Namespace) -> int:
    """Carry out one action."""
    match arguments.action:
        case "list":
            _list()
        case "show":
            checkpoint = registry.get(arguments.name)
            print(checkpoint.path if arguments.path else json.dumps(checkpoint.manifest, indent=2))
        case "rename":
            print(registry.rename(arguments.name, arguments.new).path)
        case "remove":
            size = registry.remove(arguments.name, force=arguments.force)
            print(f"removed {arguments.name}, {size / 1e6:,.1f} MB")
    return ExitCode.DONE


def _list() -> None:
    found = registry.checkpoints()
    names = {checkpoint.fingerprint: checkpoint.name for checkpoint in found}
    for checkpoint in found:
        base = checkpoint.manifest["base"]["name"]
        parent = names.get(str(checkpoint.manifest.get("parent")))
        origin = f"from ssd:{parent}" if parent else f"from {base}"
        print(f"{checkpoint.name:40}{checkpoint.bytes / 1e6:10,.1f} MB  {checkpoint.fingerprint[:16]}  {origin}")
    if not found:
        print(f"no checkpoint is registered in {registry.models_folder()}")
