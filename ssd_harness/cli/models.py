"""``ssd-harness models``: list, show, rename, remove and publish checkpoints."""

import argparse
import json
from collections.abc import Mapping
from typing import Any

from ssd_harness.artifacts import registry
from ssd_harness.artifacts.layout import models_folder
from ssd_harness.artifacts.registry import Checkpoint
from ssd_harness.cli.actions import add_action
from ssd_harness.errors import ExitCode
from ssd_harness.recipe.definition import FIELDS
from ssd_harness.recipe.resolution import GIVEN
from ssd_harness.tables import text_table

_AS_LISTED = "a name that `ssd-harness models list` prints"
_EXAMPLES = """examples:
  ssd-harness models list
  ssd-harness models show NAME --path
  ssd-harness models rename NAME qwen-ssd
  ssd-harness models push NAME USER/REPOSITORY --dry-run

$SSD_HARNESS_HOME/models has a link for each name. For the lm_eval models ssd-hf and ssd-vllm, give
pretrained=ssd:NAME; for all others, give the folder: pretrained=$(ssd-harness models show NAME --path)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    parser.epilog = _EXAMPLES
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add_action(
        actions,
        "list",
        "list checkpoints with their size, fingerprint and origin, and folders that are damaged",
        "ssd-harness models list",
    )
    show = add_action(
        actions,
        "show",
        "print the manifest, size, parent and children of a checkpoint",
        "ssd-harness models show NAME",
        "lm_eval --model hf --model_args pretrained=$(ssd-harness models show NAME --path) --tasks livecodebench_v6",
    )
    show.add_argument("name", metavar="NAME", help=_AS_LISTED)
    show.add_argument("--path", action="store_true", help="print only the folder, for other tools")
    rename = add_action(actions, "rename", "rename a checkpoint", "ssd-harness models rename NAME qwen-ssd")
    rename.add_argument("name", metavar="OLD", help=_AS_LISTED)
    rename.add_argument("new", metavar="NEW", help="new name: letters, digits, dots, dashes and underscores")
    remove = add_action(
        actions,
        "remove",
        "delete a checkpoint",
        "ssd-harness models remove NAME",
        "ssd-harness models remove NAME --force",
    )
    remove.add_argument("name", metavar="NAME", help=_AS_LISTED)
    remove.add_argument(
        "--force", action="store_true", help="delete it even if others were made from it or its manifest is missing"
    )
    push = add_action(
        actions,
        "push",
        "upload a checkpoint with a model card to the Hugging Face Hub",
        "ssd-harness models push NAME USER/REPOSITORY --dry-run",
        "ssd-harness models push NAME USER/REPOSITORY --private --license apache-2.0",
    )
    push.add_argument("name", metavar="NAME", help=_AS_LISTED)
    push.add_argument("repository", metavar="USER/NAME", help="repository on the Hub, created if it does not exist")
    push.add_argument("--private", action="store_true", help="create the repository as private")
    push.add_argument("--license", metavar="ID", help="license for the model card, usually the base model's")
    push.add_argument("--dry-run", action="store_true", help="print the model card and the files without uploading")


def run(arguments: argparse.Namespace) -> int:
    """Run the action."""
    match arguments.action:
        case "list":
            _list()
        case "show":
            checkpoint = registry.get(arguments.name)
            print(checkpoint.path if arguments.path else json.dumps(_described(checkpoint), indent=2))
        case "rename":
            print(registry.rename(arguments.name, arguments.new).path)
        case "remove":
            size = registry.remove(arguments.name.removeprefix(registry.PREFIX), force=arguments.force)
            print(f"removed {arguments.name}, freed {_megabytes(size)}")
        case "push":
            _push(arguments)
    return ExitCode.DONE


def _list() -> None:
    checkpoints = registry.checkpoints()
    broken = dict(registry.broken())
    names = {checkpoint.fingerprint: checkpoint.name for checkpoint in checkpoints}
    rows = [
        (checkpoint.name, _megabytes(checkpoint.bytes), checkpoint.fingerprint[:16], _origin(checkpoint, names))
        for checkpoint in checkpoints
        if checkpoint.name not in broken
    ]
    rows += [(name, "-", "unusable", complaint) for name, complaint in broken.items()]
    print(text_table(rows, right=[1]) or f"no checkpoints in {models_folder()}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _origin(checkpoint: Checkpoint, names: Mapping[str, str]) -> str:
    parent = checkpoint.manifest.get("parent")
    base = checkpoint.manifest.get("base", {}).get("name")
    parent_name = names.get(str(parent))
    notes = [f"from ssd:{parent_name}" if parent_name else f"from {base}"]
    if parent and not parent_name:
        notes.append(f"whose checkpoint {str(parent)[:16]} was removed")
    if adapter := checkpoint.manifest.get("adapter", _trained(checkpoint).get("adapter")):
        notes.append(f"LoRA {adapter}")
    if checkpoint.manifest.get("trained") == registry.ELSEWHERE:
        notes.append(registry.ELSEWHERE)
    if checkpoint.verified:
        notes.append(registry.VERIFIED)
    return ", ".join([*notes, *_given(checkpoint)])


def _given(checkpoint: Checkpoint) -> list[str]:
    """Return the training fields that the user chose, which distinguish it from other checkpoints of the base."""
    origins = checkpoint.manifest.get("origins")
    if not isinstance(origins, Mapping):  # unknown for imported checkpoints
        return []
    chosen = {name for name, origin in origins.items() if origin == GIVEN or str(origin).startswith("file ")}
    fields = {name: value for name, value in checkpoint.manifest["recipe"].items() if name in chosen}
    return [
        f"{name}={'none' if value is None else value}"
        for name, value in fields.items()
        if name in FIELDS and FIELDS[name].metadata["side"] == "train"
    ]


def _trained(checkpoint: Checkpoint) -> Mapping[str, Any]:
    rounds = checkpoint.manifest.get("rounds") or [{}]
    trained: Mapping[str, Any] = (rounds[-1] or {}).get("train") or {}
    return trained


def _described(checkpoint: Checkpoint) -> dict[str, Any]:
    parent = checkpoint.manifest.get("parent")
    parents = [other.name for other in registry.checkpoints() if other.fingerprint == parent]
    return {
        "path": str(checkpoint.path),
        "bytes": checkpoint.bytes,
        "own_bytes": registry.own_bytes(checkpoint),
        "parent_name": parents[0] if parents else None,
        "children": registry.children(checkpoint),
        "adapter": _trained(checkpoint).get("adapter"),
        **checkpoint.manifest,
    }


def _push(arguments: argparse.Namespace) -> None:
    from ssd_harness.results.publication import check_repository, prepared, upload

    checkpoint = registry.get(arguments.name)
    check_repository(arguments.repository)
    with prepared(checkpoint, licence=arguments.license) as folder:
        if arguments.dry_run:
            print((folder / "README.md").read_text("utf-8"))
            files = ((f"{file.stat().st_size:,}", file.relative_to(folder)) for file in sorted(folder.rglob("*")))
            print(text_table(files, right=[0]))
            return
        print(upload(folder, arguments.repository, checkpoint, private=arguments.private))
