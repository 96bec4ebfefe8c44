"""``ssd-harness import``: register a checkpoint that was trained elsewhere."""

import argparse
from pathlib import Path

from ssd_harness.cli.fields import add_fields, overrides_of
from ssd_harness.errors import ExitCode

_EXAMPLES = """examples:
  ssd-harness import ./trained --name mine --base Qwen/Qwen3-4B-Instruct-2507 T_eval=1.1
  ssd-harness import ./adapter --name mine --samples RUN
then evaluate it:
  lm_eval --model ssd-hf --model_args pretrained=ssd:mine --tasks livecodebench_v6

--samples names the samples it was trained on, so that an evaluation can check their prompts for overlap with its
problems. Without it, every result says that the overlap is unknown."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the folder, the name, and the origin of the checkpoint."""
    parser.epilog = _EXAMPLES
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a transformers model or a PEFT LoRA adapter")
    parser.add_argument("--name", required=True, help="name of the checkpoint, for pretrained=ssd:NAME")
    parser.add_argument(
        "--base",
        metavar="MODEL",
        help="the model that it was trained from (default for an adapter: the one that its config names)",
    )
    parser.add_argument("--samples", metavar="RUN", help="the run whose exported samples it was trained on")
    parser.add_argument(
        "--link",
        action="store_true",
        help="link to the weights instead of copying them; later changes to the files then affect the checkpoint too",
    )
    add_fields(parser, "fields of its recipe, such as T_eval=1.1, which an evaluation decodes with")


def run(arguments: argparse.Namespace) -> int:
    """Register the checkpoint and print its name and folder."""
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
