"""``ssd-harness sweep``: train and evaluate a grid of recipes, and write one table."""

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

A cell is one combination of values: one recipe and its evaluation. Cells that differ only in decoding share one
checkpoint. Run the same command again to continue with unfinished cells."""


_COMPARED = 5
"""Maximum number of runs that the suggested command compares with the first."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the model, the grid and how to run it."""
    parser.epilog = _EXAMPLES
    add_model(parser)
    add_fields(parser, "fields of the recipe, for all cells")
    parser.add_argument("--tasks", required=True, metavar="TASK,...", help="lm-eval tasks, each evaluated separately")
    parser.add_argument(
        "--axis",
        action="append",
        default=[],
        metavar="field=v1,v2,...",
        help="an axis of the grid: values of a recipe field; repeatable; overrides a preset's axis of the same field",
    )
    parser.add_argument(
        "--preset",
        action="append",
        default=[],
        choices=sorted(PRESETS),
        help="a named grid; repeatable. grid: T_train x T_eval; paper-grid: the same without truncation, as in the "
        "paper; null: T_train 1 without truncation; bad-data: T_train 2 without truncation or filter; decode-only: the "
        "base model at several temperatures; recipe: the recipe unchanged",
    )
    parser.add_argument("--seeds", default="", metavar="0,1,2", help="training seeds; each trains its own checkpoint")
    parser.add_argument(
        "--model_args",
        default="",
        metavar="name=value,...",
        help="further --model_args of lm_eval for the evaluations, such as tensor_parallel_size=8",
    )
    parser.add_argument("--include_path", metavar="DIR", help="folder with further task definitions, as in lm_eval")
    parser.add_argument(
        "--apply_chat_template", action="store_true", help="as in lm_eval; not needed for livecodebench tasks"
    )
    parser.add_argument("--limit", type=count, metavar="N", help="evaluate only the first N problems of each task")
    parser.add_argument("--repeats", type=count, metavar="N", help="generations per problem (default: the task's, 10)")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("sweep"),
        metavar="DIR",
        help="folder for the cells and tables (default: sweep)",
    )
    parser.add_argument("--name", metavar="NAME", help="file name of the tables (default: the presets, else table)")
    parser.add_argument(
        "--jobs", type=int, default=1, choices=(1, 2), help="trainings or evaluations to run at once (default: 1)"
    )
    parser.add_argument("--table", action="store_true", help="write the table of the finished cells and stop")
    parser.add_argument("--dry-run", action="store_true", help="list the cells and their state, and stop")


def run(arguments: argparse.Namespace) -> int:
    """Run the grid, write the table and print it; return 3 if a cell failed."""
    from ssd_harness import provenance, storage
    from ssd_harness.distill.resolving import resolve_for
    from ssd_harness.experiments import sweep, table
    from ssd_harness.experiments.cells import Request, make_cells
    from ssd_harness.experiments.evaluation import task_options

    fields = overrides_of(arguments.fields)
    axes = _axes(arguments.axis, arguments.seeds)
    if not axes and not arguments.preset:
        raise UsageError("the sweep has no grid", next_step="give --axis field=v1,v2 or --preset NAME")
    for name in ("name", "revision"):
        if name in fields:
            raise UsageError(f"a sweep cannot set {name}", next_step=f"leave {name}= out")
    if both := sorted(set(axes) & set(fields)):
        raise UsageError(f"{both[0]} is both an axis and a fixed field", next_step="give one of them")
    seeds = _seeds(arguments.seeds)
    model_args = _model_args(arguments.model_args)
    fields |= _engine(axes, fields, model_args)
    recipe = resolve_for(arguments.model, fields).recipe
    tasks = _tasks(arguments)
    if arguments.name and Path(arguments.name).name != arguments.name:
        raise UsageError(f"--name: expected a file name, got {arguments.name!r}", next_step="use --out for the folder")
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
        _check_cells(cells, arguments.out, dry=arguments.dry_run)
    if arguments.dry_run:
        print("\n".join(_listed(cells)))
        return ExitCode.DONE

    failures = {} if arguments.table else sweep.run(cells, jobs=arguments.jobs)
    command = shlex.join(["ssd-harness", *sys.argv[1:]])
    unfinished = sum(not cell.evaluation.done for cell in cells)
    about = {"command": command, "model": arguments.model, "cells": len(cells), "unfinished": unfinished}
    about["software"] = provenance.collect()
    rows = table.rows(cells)
    text = table.as_markdown(rows, failures, about)
    stem = arguments.out / (arguments.name or "-".join(arguments.preset) or "table")
    forms = {".md": text, ".csv": table.as_csv(rows), ".json": table.as_json(rows, failures, about)}
    for ending, content in forms.items():
        with storage.atomic_writer(f"{stem}{ending}") as stream:
            stream.write(content)
    print(text)
    print(f"table: {stem}.md, .csv, .json; cells: {arguments.out / 'cells'}", file=sys.stderr)
    _say_comparison(cells)
    if failures:
        print(
            f"ssd-harness: error: {len(failures)} of {len(cells)} cells failed; run the same command to retry them",
            file=sys.stderr,
        )
    return ExitCode.INFRASTRUCTURE if failures else ExitCode.DONE


def _say_comparison(cells: list[Any]) -> None:
    """Print the command that compares the finished cells of the first livecodebench task."""
    from ssd_harness.harness.task.task_names import TASKS

    folders: dict[str, list[str]] = {}
    for cell in cells:
        if cell.evaluation.done and cell.evaluation.task in TASKS:
            folders.setdefault(cell.evaluation.task, []).append(os.path.relpath(cell.evaluation.folder))
    several = next((group for group in folders.values() if len(group) > 1), None)
    if several:
        command = shlex.join(["ssd-harness", "compare", several[0], *several[1:][-_COMPARED:]])
        print(f"compare: {command}", file=sys.stderr)


def _engine(axes: dict[str, list[Any]], fields: dict[str, Any], model_args: dict[str, Any]) -> dict[str, str]:
    """Print and return the engine of all cells as a field; return nothing if the engine is an axis."""
    from ssd_harness.distill.plan_lines import say
    from ssd_harness.distill.resolving import engine_of

    if "engine" in axes:
        return {}
    if model_args:  # they may force an engine; import the model class only then
        from ssd_harness.harness.models.engine_choice import engine_for

        choice = engine_for({**fields, **model_args})
    else:
        choice = engine_of(fields)
    say(choice.words)
    return {"engine": choice.name}


def _tasks(arguments: argparse.Namespace) -> list[str]:
    """Return the names of the tasks; refuse an unknown one before any training."""
    tasks = [task for task in arguments.tasks.split(",") if task]
    if not tasks:
        raise UsageError("the sweep has no task", next_step="give --tasks TASK; `lm_eval ls tasks` lists them")
    if not arguments.table:
        from ssd_harness.harness import patches
        from ssd_harness.harness.patches import discovery

        patches.activate()
        discovery.require_tasks(tasks, arguments.include_path)
    return tasks


def _check_cells(cells: list[Any], out: Path, *, dry: bool) -> None:
    """Check every cell's evaluation before the first training; a dry run needs no sandbox."""
    from ssd_harness.harness import preflight
    from ssd_harness.harness.dry_run import check_commands

    preflight.check_output(out, option="--out")
    unfinished = [cell for cell in cells if not cell.evaluation.done]
    check_commands(
        ((cell.label, cell.evaluation.words) for cell in unfinished), level="arguments" if dry else "machine"
    )


def _axes(words: list[str], seeds: str) -> dict[str, list[Any]]:
    axes: dict[str, list[Any]] = {}
    for name, values in map(parse_axis, words):
        if name in axes or (name == "seed" and seeds):
            other = "--seeds" if name == "seed" and seeds else "another --axis"
            raise UsageError(f"the axis {name} is already set by {other}", next_step="give its values once")
        axes[name] = values
    return axes


def _seeds(words: str) -> list[int]:
    try:
        return [int(word) for word in words.split(",") if word]
    except ValueError:
        raise UsageError(f"--seeds: expected integers separated by commas, got {words!r}") from None


def _model_args(words: str) -> dict[str, Any]:
    model_args = overrides_of([word for word in words.split(",") if word])
    for name in model_args:
        if name in FIELDS or name in {"pretrained", "recipe", "name", "revision"}:
            raise UsageError(
                f"--model_args: {name} is set by the sweep", next_step=f"give {name}=VALUE as an argument of its own"
            )
    return model_args


def _listed(cells: list) -> list[str]:
    """Return one line a cell with its state: done, to evaluate, or to train and evaluate."""
    lines, trainings = [], {}
    for cell in cells:
        checkpoint = f"ssd:{cell.plan.name}" if cell.plan else "no training"
        trained = not cell.plan or cell.plan.checkpoint
        if not trained:
            trainings[cell.weights] = checkpoint
        state = "done" if cell.evaluation.done else "to evaluate" if trained else "to train and evaluate"
        lines.append(f"{state:24}{cell.evaluation.task}  {cell.label}  ({checkpoint})")
    unfinished = sum(not cell.evaluation.done for cell in cells)
    return [*lines, f"{len(cells)} cells: {unfinished} to evaluate, {len(trainings)} to train"]
