"""``ssd-harness distill``: run the transform without an evaluation."""

import argparse

from ssd_harness.cli.fields import add_fields, add_model, overrides_of
from ssd_harness.errors import ExitCode

_EXAMPLES = """examples:
  ssd-harness distill demo
  ssd-harness distill Qwen/Qwen3-4B-Instruct-2507 --dry-run
  ssd-harness distill ./my-model prompts=questions.jsonl T_train=1.2 steps=500 name=mine
  ssd-harness distill ssd:mine rounds=1 name=mine-again

The plan estimates tokens, GPU time, disk and memory and compares them with this machine. If memory or disk are too
small, the command stops before sampling (exit code 2) and suggests settings that fit; check_fit=false continues anyway.
To continue an interrupted run, run the same command again.
To evaluate the checkpoint, use pretrained=ssd:NAME with lm_eval --model ssd-hf. Other tools load its folder, which
`ssd-harness models show NAME --path` prints."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the model and the fields of the recipe."""
    parser.epilog = _EXAMPLES
    add_model(parser)
    add_fields(
        parser,
        "a field of the recipe (`ssd-harness recipe show MODEL` lists them), recipe=FILE.yaml, recipe=NAME, "
        "name=CHECKPOINT, or revision=BRANCH_OR_COMMIT on the Hub",
    )
    parser.add_argument(
        "--until",
        choices=("samples",),
        help="samples: stop after sampling and filtering (of the first round), for `ssd-harness export`",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the plan and its estimated tokens, GPU-hours, disk and memory, including an evaluation on "
        "livecodebench_v6, and stop",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the plan, execute it, and print the checkpoint."""
    from ssd_harness.distill import pipeline
    from ssd_harness.distill.estimate import dry_lines, estimate_of
    from ssd_harness.distill.plan_lines import say
    from ssd_harness.distill.planning import Goal, make_plan
    from ssd_harness.harness.models.cost_inputs import standard_evaluation

    overrides = overrides_of(arguments.fields)
    name, revision = overrides.pop("name", None), overrides.pop("revision", None)
    goal: Goal = "none" if arguments.dry_run else "samples" if arguments.until else "checkpoint"
    plan = make_plan(arguments.model, overrides, name=name, revision=revision, goal=goal)
    if arguments.dry_run:
        print("\n".join(dry_lines(estimate_of(plan, standard_evaluation(plan.recipe)))))
        return ExitCode.DONE
    if arguments.until:
        kept, run_name = pipeline.draw_samples(plan), plan.rounds[0].training.name
        print(f"samples of run {run_name}: {kept}")
        print(f"ssd-harness export {run_name} --format chat --out samples.jsonl")
        return ExitCode.DONE
    checkpoint = pipeline.run(plan)
    print(f"ssd:{checkpoint.name}  {checkpoint.path}")
    evaluation = f"lm_eval --model ssd-hf --model_args pretrained=ssd:{checkpoint.name} --tasks livecodebench_v6"
    say(f"to evaluate it, run: {evaluation} --output_path OUT --log_samples")
    return ExitCode.DONE
