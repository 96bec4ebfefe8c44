"""``ssd-harness recipe``: what the transform would do to a model, and where each number comes from."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ssd_harness.errors import ExitCode, UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``show`` and ``list``."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = actions.add_parser("show", help="print the resolved recipe for a model, each value with its origin")
    show.add_argument("model", metavar="MODEL", help="Hub id, local folder, demo, or ssd:NAME")
    show.add_argument("fields", nargs="*", metavar="field=value", help="values to override, or recipe=FILE.yaml")
    show.add_argument("--json", action="store_true", help="print JSON instead of the table")
    actions.add_parser("list", help="list the recipes that ship with the package")


def overrides_of(words: Sequence[str]) -> dict[str, Any]:
    """Split field=value words."""
    overrides: dict[str, Any] = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator:
            raise UsageError(f"{word!r} is no field=value")
        overrides[name] = value
    return overrides


def run(arguments: argparse.Namespace) -> int:
    """Print recipes."""
    if arguments.action == "list":
        return _list()
    from ssd_harness.distill.plan import resolve_for
    from ssd_harness.recipe import FIELDS

    overrides = overrides_of(arguments.fields)
    revision = overrides.pop("revision", None)
    resolved = resolve_for(arguments.model, overrides, revision)
    if arguments.json:
        found = {"preset": resolved.preset, "because": resolved.because}
        print(json.dumps({**found, "recipe": asdict(resolved.recipe), "origins": dict(resolved.origins)}, indent=2))
        return ExitCode.DONE
    print(
        f"recipe {resolved.preset}, {resolved.because}" if resolved.preset else "no recipe is for this model: defaults"
    )
    for side, title in (("train", "transform (part of the fingerprint)"), ("eval", "evaluation"), ("run", "running")):
        print(f"\n{title}")
        for name, value in resolved.recipe.side(side).items():
            shown = "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
            print(f"  {name:24}{shown:16}{resolved.origins[name]:32}{FIELDS[name].metadata['meaning']}")
    if resolved.recipe.prompts is None:
        print("\nno prompts are known for this model: give prompts=PATH.jsonl, PATH.parquet or generator")
    return ExitCode.DONE


def _list() -> int:
    from ssd_harness.recipes.presets import launches, presets

    for preset in presets().values():
        print(f"{preset.name:32}{', '.join(preset.models)}\n{'':32}{preset.source}")
    print("\non several GPUs, beside a model's own recipe:")
    for launch in launches().values():
        print(f"{launch.name:32}{launch.source}")
    return ExitCode.DONE
