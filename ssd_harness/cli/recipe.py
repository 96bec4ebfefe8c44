"""``ssd-harness recipe``: show a model's recipe and where each value comes from."""

import argparse
import json
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ssd_harness.cli.actions import add_action
from ssd_harness.cli.fields import add_fields, add_model, overrides_of
from ssd_harness.errors import ExitCode
from ssd_harness.printable import printable
from ssd_harness.tables import text_table

if TYPE_CHECKING:
    from ssd_harness.estimates.model_size import ModelSize
    from ssd_harness.recipe.resolution import Resolved

_SIDES = (
    ("train", "transform: fields that determine the checkpoint"),
    ("eval", "evaluation: fields that determine the decoding"),
    ("run", "running: fields that do not change the result"),
)
_EXAMPLES = """examples:
  ssd-harness recipe list
  ssd-harness recipe show Qwen/Qwen3-4B-Instruct-2507
  ssd-harness recipe show ./my-model prompts=questions.jsonl T_train=1.2
  ssd-harness recipe show ssd:NAME --json

A recipe file is YAML with one `field: value` per line; give it as recipe=FILE.yaml. `ssd-harness distill` takes the
same arguments, and so does --model_args of lm_eval, separated by commas."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``show`` and ``list``."""
    parser.epilog = _EXAMPLES
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = add_action(
        actions,
        "show",
        "print every field of a model's recipe with its value, origin and meaning",
        "ssd-harness recipe show demo",
        "ssd-harness recipe show ./my-model prompts=questions.jsonl T_train=1.2 --json",
    )
    add_model(show)
    add_fields(show, "values that override the recipe's, or recipe=FILE.yaml or recipe=NAME")
    show.add_argument("--json", action="store_true", help="print JSON instead of a table")
    add_action(actions, "list", "list the recipes that ship with ssd-harness", "ssd-harness recipe list")


def run(arguments: argparse.Namespace) -> int:
    """Print recipes."""
    if arguments.action == "list":
        return _list()
    from ssd_harness.artifacts.base_model import settings_folder
    from ssd_harness.distill.estimate import stored_bytes
    from ssd_harness.distill.filters import make_filter
    from ssd_harness.distill.planning import GIVE_PROMPTS, components_of
    from ssd_harness.distill.resolving import resolve_for
    from ssd_harness.estimates.model_size import size_of
    from ssd_harness.prompts import prompt_style
    from ssd_harness.recipe.definition import FIELDS

    overrides = overrides_of(arguments.fields)
    revision = overrides.pop("revision", None)
    overrides.pop("name", None)  # accepted because `distill` takes the same arguments
    resolved, _ = prompt_style.resolve_style(resolve_for(arguments.model, overrides), arguments.model)
    components_of(resolved.recipe)
    make_filter(resolved.recipe)  # refuse what could not run
    if arguments.json:
        source = {"preset": resolved.preset, "because": resolved.because}
        print(json.dumps({**source, "recipe": asdict(resolved.recipe), "origins": dict(resolved.origins)}, indent=2))
        return ExitCode.DONE
    _print_origin(resolved)
    for side, title in _SIDES:
        rows = [
            (name, _shown(value), resolved.origins[name], FIELDS[name].metadata["meaning"])
            for name, value in resolved.recipe.side(side).items()
        ]
        print(f"\n{title}\n{textwrap.indent(text_table(rows), '  ')}")
    # The size of a model with a preset is known without its files.
    size, folder = size_of(arguments.model, None), None
    if size is None:
        folder = settings_folder(arguments.model, revision)
        size = size_of(arguments.model, folder)
    if size:
        _print_fit(resolved, size, stored_bytes(resolved.recipe, folder))
    if resolved.recipe.prompts is None:
        print(f"\nthis recipe has no prompts: {GIVE_PROMPTS}")
    return ExitCode.DONE


def _print_origin(resolved: "Resolved") -> None:
    """Print the layers of the recipe."""
    from ssd_harness.recipe.presets import presets

    print(printable(resolved.summary))
    if resolved.preset:
        print(f"preset {resolved.preset}: {presets()[resolved.preset].source}")
    for launch in resolved.launches:
        print(f"launch {launch.name}: {launch.source}")
    if resolved.recipe.lora_rank:
        print(f"LoRA of rank {resolved.recipe.lora_rank}: trains adapters, unlike the paper's full fine-tuning")


def _print_fit(resolved: "Resolved", size: "ModelSize", stored: int) -> None:
    """Print the memory that the recipe needs, and whether this machine has it."""
    from ssd_harness.distill.estimate import fit_lines, memory_line, usual_machine
    from ssd_harness.distill.evaluation_fit import evaluation_memory
    from ssd_harness.estimates.machine import this_machine
    from ssd_harness.estimates.training_fit import need_of
    from ssd_harness.harness.models.cost_inputs import standard_evaluation

    machine, usual = this_machine(resolved.recipe), usual_machine(resolved)
    compared, evaluation = machine if machine.on_gpu else usual, standard_evaluation(resolved.recipe)
    need = need_of(resolved.recipe, size, compared, stored=stored)
    evaluating = evaluation_memory(evaluation, size, compared, stored=stored)
    print("\n" + memory_line(resolved.recipe, need, compared, evaluating))
    print("\n".join(fit_lines(resolved.recipe, size, machine, usual, stored=stored, evaluation=evaluation)))


def _shown(value: Any) -> str:
    """Return a value as written on a command line."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else printable(value)


def _list() -> int:
    from ssd_harness.recipe.presets import launches, presets

    print(text_table((preset.name, ", ".join(preset.models), preset.source) for preset in presets().values()))
    print("\nfor particular GPUs, on top of a model's own recipe:")
    print(text_table((launch.name, launch.source) for launch in launches().values()))
    return ExitCode.DONE
