"""Write docs/commands.md, docs/hooks.md and README.md's table of costs; ``--check`` says whether they are current."""

import inspect
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

os.environ["COLUMNS"] = "100"  # argparse wraps at the terminal's width

from ssd_harness.cli.main import COMMANDS, parser
from ssd_harness.distill.estimate import USUAL_TOKENS
from ssd_harness.errors import ExitCode
from ssd_harness.estimates.evaluation_cost import Evaluation
from ssd_harness.estimates.machine import usual_gpu
from ssd_harness.estimates.model_size import ModelSize, size_of
from ssd_harness.estimates.training_cost import Cost, cost_of
from ssd_harness.estimates.training_fit import need_of
from ssd_harness.extensions import hookspecs
from ssd_harness.extensions.plugin_manager import factories, load
from ssd_harness.harness.models.evaluation_settings import usual_evaluation
from ssd_harness.recipe.presets import launches
from ssd_harness.recipe.resolution import resolve

HERE = Path(__file__).resolve().parent
HEADER = "<!-- Written by docs/generate.py; change the code, then run it again. -->\n\n"
PROMPTS = 10_168
"""As many as the paper's set has."""
COSTS = re.compile(r"(?<=<!-- costs: written by docs/generate.py -->\n\n).*?(?=<!-- end of costs -->)", re.DOTALL)


def commands() -> str:
    """Return every command's help text and the table of exit codes."""
    parts = [HEADER, "# Commands\n\n```text\n", parser().format_help(), "```\n"]
    for name in COMMANDS:
        root = parser(name)
        action = next(item for item in root._actions if item.dest == "command")  # noqa: SLF001 - argparse has no public way
        parts += [f"\n## `ssd-harness {name}`\n"]
        parts += ["\n```text\n", action.choices[name].format_help(), "```\n"]
        nested = [item for item in action.choices[name]._actions if isinstance(item.choices, dict)]  # noqa: SLF001 - as above
        for group in nested:
            for word, child in group.choices.items():
                parts += [f"\n### `ssd-harness {name} {word}`\n\n```text\n", child.format_help(), "```\n"]
    parts += ["\n## Exit codes\n\n| code | name | meaning |\n| --- | --- | --- |\n"]
    meanings = {
        ExitCode.DONE: "done",
        ExitCode.REGRESSION: "a gate found a regression",
        ExitCode.USAGE: "usage or configuration: the command line, a recipe or an option is wrong",
        ExitCode.INFRASTRUCTURE: "infrastructure: engine, data or disk failed, or internal errors are left",
        ExitCode.INCONCLUSIVE: "inconclusive, where asked to fail",
        ExitCode.INTERRUPTED: "Ctrl-C: the same command goes on from what is finished",
    }
    parts += [f"| {code.value} | {code.name} | {meanings[code]} |\n" for code in ExitCode]
    return "".join(parts)


def hooks() -> str:
    """Return every hook with its docstring and its built-in names."""
    manager = load(outside=False)
    parts = [HEADER, "# Hooks\n\n", inspect.cleandoc(hookspecs.__doc__ or ""), "\n\n"]
    parts += ["| hook | returns | built in |\n| --- | --- | --- |\n"]
    for name, function in vars(hookspecs).items():
        if name.startswith("ssd_"):
            names = ", ".join(f"`{known}`" for known in factories(name, manager)) or "none"
            parts.append(f"| `{name}` | {inspect.cleandoc(function.__doc__ or '')} | {names} |\n")
    return "".join(parts)


def costs() -> str:
    """Return the table of what the shipped recipes for certain GPUs take, by the estimate that a plan prints."""
    lines = [
        (
            "| model | recipe | GPUs | memory of each | GPU-hours to sample + train + evaluate, at most | "
            f"if samples average {USUAL_TOKENS:,} tokens | disk while it runs, to keep |"
        ),
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for launch in sorted(launches().values(), key=lambda one: one.name):
        assert launch.gpu_gb
        for model in launch.models:
            size = size_of(model, None)
            assert size
            recipe = resolve(model, {"recipe": launch.name}).recipe
            shorter = replace(recipe, max_new_tokens_train=min(USUAL_TOKENS, recipe.max_new_tokens_train))
            most, usual = (cost_of(one, PROMPTS, size, stored=2, download=True) for one in (recipe, shorter))
            evaluation, gpu = usual_evaluation(recipe), usual_gpu(launch.gpu_gb)
            evaluating = evaluation.memory(size, stored=2, half=True)
            assert evaluating
            memory = max(need_of(recipe, size, gpu, stored=2).memory, evaluating.total)
            usual_evaluating = evaluation.up_to(USUAL_TOKENS)
            how = f"LoRA, {recipe.max_length_train:,} tokens" if recipe.lora_rank else "full"
            assert most.disk
            assert most.kept
            hours = f"{_hours(most, evaluation, size)} | {_hours(usual, usual_evaluating, size)}"
            lines.append(
                f"| {model} | `{launch.name}` ({how}) | {recipe.gpus} x {launch.gpu_gb:.0f} GB | {memory / 1e9:.0f} GB"
                f" | {hours} | {most.disk / 1e9:.0f} GB, {most.kept / 1e9:.0f} GB |"
            )
    return "\n".join(lines) + "\n"


def _hours(cost: Cost, evaluation: Evaluation, size: ModelSize) -> str:
    hours = (cost.sampling_h or 0, cost.training_h or 0, evaluation.hours(size))
    return " + ".join(f"{value:,.0f}" if value >= 1 else f"{value:.1g}" for value in hours)


def readme() -> str:
    """Return README.md with the table of costs as it is now."""
    text, count = COSTS.subn(lambda _: f"{costs()}\n", (HERE.parent / "README.md").read_text(encoding="utf-8"))
    assert count == 1
    return text


def main() -> int:
    """Write the pages, or with ``--check`` compare them and return 1 when one is stale."""
    stale = []
    for name, text in (("commands.md", commands()), ("hooks.md", hooks()), ("../README.md", readme())):
        page = HERE / name
        if "--check" not in sys.argv:
            page.write_text(text, encoding="utf-8")
        elif not page.exists() or page.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        print(f"stale: {', '.join(stale)}; run python docs/generate.py")
    return bool(stale)


if __name__ == "__main__":
    raise SystemExit(main())
