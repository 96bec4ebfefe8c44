"""``ssd-harness sweep``: a grid of trainings and evaluations, and one table of them."""

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from ssd_harness.cli.fields import add_fields, add_model, count, overrides_of
from ssd_harness.errors import ExitCode, UsageError
from ssd_harness.experiments.points import PRESETS, parse_axis, points
from ssd_harness.recipe.definition import FIELDS

_EXAMPLES = """examples:
  ssd-harness sweep demo --tasks livecodebench_mini --preset grid --dry-run
  ssd-harness sweep MODEL --tasks TASK --axis T_train=0.8,1.2 --axis T_eval=0.7,1.1 --seeds 0,1,2
  ssd-harness sweep MODEL --tasks TASK --preset null --preset bad-data --out controls
  ssd-harness sweep MODEL engine=vllm gpus=8 --model_args tensor_parallel_size=8 --tasks TASK --preset grid

Cells that differ in decoding alone share one training. Given again, a sweep goes on with the cells that are not
finished; --table writes what there is."""


_COMPARED = 5
"""How many runs the suggested comparison sets beside the first."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the model, the grid and how to go through it."""
    parser.epilog = _EXAMPLES
    add_model(parser)
    add_fields(parser, "fields of the recipe for every cell")
    parser.add_argument("--tasks", required=True, metavar="TASK,...", help="lm-eval tasks; each is a cell of its own")
    parser.add_argument(
        "--axis",
        action="append",
        default=[],
        metavar="field=v1,v2,...",
        help="an axis of the grid, over any recipe field; may be repeated; replaces a preset's axis of that name",
    )
    parser.add_argument(
        "--preset",
        action="append",
        default=[],
        choices=sorted(PRESETS),
        help="a grid by name; may be repeated. grid: T_train x T_eval; paper-grid: the same without truncation, as in "
        "the paper; null: T_train 1 without truncation; bad-data: T_train 2 without truncation or filter; decode-only: "
        "the base model at other temperatures; recipe: the recipe as it stands",
    )
    parser.add_argument("--seeds", default="", metavar="0,1,2", help="training seeds; each trains anew")
    parser.add_argument(
        "--model_args",
        default="",
        metavar="name=value,...",
        help="for the class that evaluates, as lm_eval takes them, beside the recipe's fields: tensor_parallel_size=8",
    )
    parser.add_argument("--include_path", metavar="DIR", help="folder with tasks of your own, as in lm_eval")
    parser.add_argument(
        "--apply_chat_template", action="store_true", help="as in lm_eval, for tasks of others; ours need it not"
    )
    parser.add_argument("--limit", type=count, metavar="N", help="only the first N problems of each task")
    parser.add_argument("--repeats", type=count, metavar="N", help="programs a problem (default: the task's own, 10)")
    parser.add_argument("--out", type=Path, default=Path("sweep"), metavar="DIR", help="folder of cells and tables")
    parser.add_argument("--name", metavar="NAME", help="name of the table's files (default: the presets', else table)")
    parser.add_argument("--jobs", type=int, default=1, choices=(1, 2), help="trainings or evaluations at once")
    parser.add_argument("--table", action="store_true", help="write the table of what is finished, and run nothing")
    parser.add_argument("--dry-run", action="store_true", help="list the cells and what is there already")


def run(arguments: argparse.Namespace) -> int:
    """Go through the grid, write the table and print it; exit 3 if a cell failed."""
    from ssd_harness import provenance, storage
    from ssd_harness.distill.planning import resolve_for
    from ssd_harness.experiments import sweep, table
    from ssd_harness.experiments.cells import Request, make_cells
    from ssd_harness.experiments.evaluation import task_options

    fields = overrides_of(arguments.fields)
    axes = _axes(arguments.axis, arguments.seeds)
    if not axes and not arguments.preset:
        raise UsageError("a sweep needs a grid", next_step="give --axis field=v1,v2 or --preset NAME")
    for name in ("name", "revision"):
        if name in fields:
            raise UsageError(f"{name}= cannot be given to a sweep")
    if twice := sorted(set(axes) & set(fields)):
        raise UsageError(f"{twice[0]} is an axis and fixed")
    seeds = _seeds(arguments.seeds)
    model_args = _model_args(arguments.model_args)
    fields |= _engine(axes, fields, model_args)
    recipe = resolve_for(arguments.model, fields).recipe
    tasks = _tasks(arguments)
    if arguments.name and Path(arguments.name).name != arguments.name:
        raise UsageError(f"--name {arguments.name!r} is no file's name", next_step="give --out for the folder")
    request = Request(
        arguments.model,
        fields,
        tasks,
        arguments.out.absolute(),
        arguments.limit,
        arguments.repeats,
        model_args,
        task_options(arguments.include_path, apply_chat_template=arguments.apply_chat_template),
    )
    cells = make_cells(request, points(arguments.preset, axes, recipe), seeds)
    if not arguments.table:
        _rehearse(cells, arguments.out, dry=arguments.dry_run)
    if arguments.dry_run:
        print("\n".join(_listed(cells)))
        return ExitCode.DONE

    failures = {} if arguments.table else sweep.run(cells, jobs=arguments.jobs)
    command = shlex.join(["ssd-harness", *sys.argv[1:]])
    left = sum(not cell.evaluation.done for cell in cells)
    about = {"command": command, "model": arguments.model, "cells": len(cells), "unfinished": left}
    about["software"] = provenance.collect()
    found = table.rows(cells)
    text = table.as_markdown(found, failures, about)
    stem = arguments.out / (arguments.name or "-".join(arguments.preset) or "table")
    forms = {".md": text, ".csv": table.as_csv(found), ".json": table.as_json(found, failures, about)}
    for ending, content in forms.items():
        with storage.atomic_writer(f"{stem}{ending}") as stream:
            stream.write(content)
    print(text)
    print(f"table: {stem}.md, .csv, .json; cells: {arguments.out / 'cells'}", file=sys.stderr)
    _say_comparison(cells)
    if failures:
        print(
            f"ssd-harness: error: {len(failures)} of {len(cells)} cells failed; run again to try them", file=sys.stderr
        )
    return ExitCode.INFRASTRUCTURE if failures else ExitCode.DONE


def _say_comparison(cells: list[Any]) -> None:
    """Print the command that sets finished cells of the first task of ours side by side."""
    from ssd_harness.livecodebench.task_names import TASKS

    folders: dict[str, list[str]] = {}
    for cell in cells:
        if cell.evaluation.done and cell.evaluation.task in TASKS:
            folders.setdefault(cell.evaluation.task, []).append(os.path.relpath(cell.evaluation.folder))
    several = next((found for found in folders.values() if len(found) > 1), None)
    if several:
        command = shlex.join(["ssd-harness", "compare", several[0], *several[1:][-_COMPARED:]])
        print(f"compare: {command}", file=sys.stderr)


def _engine(axes: dict[str, list[Any]], fields: dict[str, Any], model_args: dict[str, Any]) -> dict[str, str]:
    """Return the engine of all cells as a field, and say it; where it is an axis of the grid, return nothing."""
    from ssd_harness.distill.plan_lines import say
    from ssd_harness.distill.planning import engine_of

    if "engine" in axes:
        return {}
    if model_args:  # which may leave no choice; the model class is imported for this alone
        from ssd_harness.harness.models.engine_choice import engine_for

        choice = engine_for({**fields, **model_args})
    else:
        choice = engine_of(fields)
    say(choice.words)
    return {"engine": choice.name}


def _tasks(arguments: argparse.Namespace) -> list[str]:
    """Return the names of the tasks; one that lm-eval does not know is refused before the first cell is trained."""
    tasks = [task for task in arguments.tasks.split(",") if task]
    if not tasks:
        raise UsageError("a sweep needs a task", next_step="give --tasks TASK; `lm_eval ls tasks` lists them")
    if not arguments.table:
        from ssd_harness.harness import bridge
        from ssd_harness.harness.bridge import discovery

        bridge.activate()
        discovery.require_tasks(tasks, arguments.include_path)
    return tasks


def _rehearse(cells: list[Any], out: Path, *, dry: bool) -> None:
    """Refuse before the first training what any cell's evaluation would refuse; a dry run needs no sandbox."""
    from ssd_harness.harness import preflight
    from ssd_harness.harness.bridge.rehearsal import rehearse

    preflight.check_output(out, option="--out")
    left = [cell for cell in cells if not cell.evaluation.done]
    rehearse(((cell.label, cell.evaluation.words) for cell in left), extent="words" if dry else "machine")


def _axes(words: list[str], seeds: str) -> dict[str, list[Any]]:
    axes: dict[str, list[Any]] = {}
    for name, values in map(parse_axis, words):
        if name in axes or (name == "seed" and seeds):
            other = "--seeds" if name == "seed" and seeds else "another --axis"
            raise UsageError(f"the axis {name} is given by {other} already", next_step="give its values once")
        axes[name] = values
    return axes


def _seeds(words: str) -> list[int]:
    try:
        return [int(word) for word in words.split(",") if word]
    except ValueError:
        raise UsageError(f"--seeds takes whole numbers, not {words!r}") from None


def _model_args(words: str) -> dict[str, Any]:
    given = overrides_of([word for word in words.split(",") if word])
    for name in given:
        if name in FIELDS or name in {"pretrained", "recipe", "name", "revision"}:
            raise UsageError(f"{name}= among --model_args is the sweep's own", next_step=f"give {name}=VALUE as a word")
    return given


def _listed(cells: list) -> list[str]:
    """Say of each cell what is there: its results, its checkpoint, or nothing."""
    lines, trainings = [], {}
    for cell in cells:
        checkpoint = f"ssd:{cell.plan.name}" if cell.plan else "no training"
        made = not cell.plan or cell.plan.made
        if not made:
            trainings[cell.weights] = checkpoint
        state = "done" if cell.evaluation.done else "to evaluate" if made else "to train and evaluate"
        lines.append(f"{state:24}{cell.evaluation.task}  {cell.label}  ({checkpoint})")
    left = sum(not cell.evaluation.done for cell in cells)
    return [*lines, f"{len(cells)} cells, {left} left to evaluate, trainings left: {len(trainings)}"]
