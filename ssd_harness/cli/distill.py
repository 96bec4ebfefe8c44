"""``ssd-harness distill``: the transform alone."""

import argparse

from ssd_harness.cli.fields import add_fields, add_model, overrides_of
from ssd_harness.errors import ExitCode

_EXAMPLES = """examples:
  ssd-harness distill demo
  ssd-harness distill Qwen/Qwen3-4B-Instruct-2507 --dry-run
  ssd-harness distill ./my-model prompts=questions.jsonl T_train=1.2 steps=500 name=mine
  ssd-harness distill ssd:mine rounds=1 name=mine-again

The plan prints tokens, GPU time, disk and memory, all estimated, beside what is here. Where memory or disk
do not suffice, the run stops before it samples (exit code 2) and names settings that would fit;
check_fit=false goes on all the same.
A killed run goes on where it was when the same command is given again. The checkpoint is then
pretrained=ssd:NAME for lm_eval --model ssd-hf, and a folder for anything else (ssd-harness models)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the model and the recipe's fields."""
    parser.epilog = _EXAMPLES
    add_model(parser)
    add_fields(
        parser,
        "any field of the recipe (`ssd-harness recipe show MODEL` lists them), recipe=FILE.yaml or recipe=NAME, "
        "name= of the checkpoint, revision= on the Hub",
    )
    parser.add_argument(
        "--until",
        choices=("samples",),
        help="samples: draw and filter (of several rounds the first), train nothing; then `ssd-harness export`",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the plan, its tokens, GPU-hours, disk and GPU memory, with those of an evaluation on "
        "livecodebench_v6, and do nothing",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the plan, carry it out, and print where the checkpoint is."""
    from ssd_harness.distill import pipeline
    from ssd_harness.distill.estimate import dry_lines, estimate_of
    from ssd_harness.distill.plan_lines import say
    from ssd_harness.distill.planning import Goal, make_plan
    from ssd_harness.harness.models.evaluation_settings import usual_evaluation

    overrides = overrides_of(arguments.fields)
    name, revision = overrides.pop("name", None), overrides.pop("revision", None)
    goal: Goal = "none" if arguments.dry_run else "samples" if arguments.until else "checkpoint"
    plan = make_plan(arguments.model, overrides, name=name, revision=revision, goal=goal)
    if arguments.dry_run:
        print("\n".join(dry_lines(estimate_of(plan, usual_evaluation(plan.recipe)))))
        return ExitCode.DONE
    if arguments.until:
        folder = pipeline.draw_samples(plan)
        print(f"samples of run {folder.name}: {folder}")
        print(f"ssd-harness export {folder.name} --format chat --out samples.jsonl")
        return ExitCode.DONE
    checkpoint = pipeline.run(plan)
    print(f"ssd:{checkpoint.name}  {checkpoint.path}")
    evaluation = f"lm_eval --model ssd-hf --model_args pretrained=ssd:{checkpoint.name} --tasks livecodebench_v6"
    say(f"to evaluate it, next: {evaluation} --output_path OUT --log_samples")
    return ExitCode.DONE
