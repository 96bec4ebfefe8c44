"""``ssd-harness import``: a checkpoint that was trained elsewhere."""

import argparse
from pathlib import Path

from ssd_harness.cli.fields import add_fields, overrides_of
from ssd_harness.errors import ExitCode

_EXAMPLES = """examples:
  ssd-harness import ./trained --name mine --base Qwen/Qwen3-4B-Instruct-2507 T_eval=1.1
  ssd-harness import ./adapter --name mine --samples RUN
then:
  lm_eval --model ssd-hf --model_args pretrained=ssd:mine --tasks livecodebench_v6

--samples says which prompts it learnt, so that overlap with what is evaluated can be seen; without it every
result says that nobody knows."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the folder, its name, and what is known of its origin."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="a model of transformers, or a LoRA adapter of PEFT"
    )
    parser.add_argument("--name", required=True, help="name to register it under: pretrained=ssd:NAME")
    parser.add_argument("--base", metavar="MODEL", help="what it was trained from; an adapter may say so itself")
    parser.add_argument("--samples", metavar="RUN", help="the run whose exported samples it was trained on")
    parser.add_argument(
        "--link",
        action="store_true",
        help="link the weights instead of copying them; what changes them there then changes them here",
    )
    add_fields(parser, "what is known of its recipe, for example T_eval=1.1: how it is decoded when it is evaluated")


def run(arguments: argparse.Namespace) -> int:
    """Register the checkpoint and print where it is."""
    from ssd_harness.distill.exporting import find_run
    from ssd_harness.distill.importing import import_checkpoint

    checkpoint = import_checkpoint(
        arguments.folder.expanduser(),
        arguments.name,
        base=arguments.base,
        run=find_run(arguments.samples) if arguments.samples else None,
        fields=overrides_of(arguments.fields),
        link=arguments.link,
    )
    print(f"ssd:{checkpoint.name}  {checkpoint.path}")
    return ExitCode.DONE
