"""The ``ssd-harness`` command: a table of sub-commands, each loaded only when it is asked for."""

import argparse
import importlib
import keyword
import os
import sys
from collections.abc import Sequence

from ssd_harness import __version__
from ssd_harness.errors import INTERRUPTED, ExitCode, SsdError
from ssd_harness.printable import accept_any_text

# name → one-line help; the code is ssd_harness.cli.<name> with add_arguments(parser) and run(arguments) -> int.
COMMANDS: dict[str, str] = {
    "eval": "run lm_eval with our models and tasks, without the start-up hook",
    "distill": "run the transform alone: sample, filter, fine-tune, register",
    "score": "judge programs that something else generated",
    "sweep": "train and evaluate a grid of recipes, and write one table",
    "export": "write a run's samples for another trainer",
    "import": "register a checkpoint that was trained elsewhere",
    "compare": "set finished runs side by side, with intervals",
    "recipe": "show what the transform would do to a model, and why",
    "data": "fetch, verify and describe the LiveCodeBench data",
    "cache": "list stored samples and generations, and remove what nothing needs any more",
    "models": "list, show, rename, remove and publish registered checkpoints",
    "sandbox": "build, check and prune the sandbox that programs run in",
    "doctor": "say what this machine can do and what is missing",
}

EPILOG = """first steps:
  ssd-harness doctor                   what this machine lacks, and what to do about it
  ssd-harness recipe show demo         what would be done to the embedded model
  ssd-harness distill demo --dry-run   what that would cost
the main job, transform and evaluation in one:
  lm_eval --model ssd-hf --model_args pretrained=MODEL --tasks livecodebench_v6

`ssd-harness COMMAND --help` has examples.
exit codes: 0 done, 1 a gate found a regression, 2 usage or configuration,
3 infrastructure (engine, data, disk, internal errors left), 4 inconclusive where asked to fail, 130 Ctrl-C"""


def module_of(name: str) -> str:
    """Return the module of a command; ``import`` is a word of Python's own, so its module carries a mark."""
    return f"ssd_harness.cli.{name}{'_' if keyword.iskeyword(name) else ''}"


def parser(command: str | None = None) -> argparse.ArgumentParser:
    """Build the argument parser; only ``command``'s module is imported, so that ``--help`` stays quick."""
    root = argparse.ArgumentParser(
        prog="ssd-harness",
        description="Put a language model through simple self-distillation and measure the result honestly.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"ssd-harness {__version__}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        # `eval` hands its arguments on untouched, lm_eval's own --help among them.
        child = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            add_help=name != "eval",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == command:
            module = importlib.import_module(module_of(name))
            module.add_arguments(child)
            child.set_defaults(run=module.run, refuse=child.error)
    return root


def parse(words: Sequence[str], command: str | None) -> argparse.Namespace:
    """Parse a command line; field=value words may stand anywhere in it, which argparse alone does not allow."""
    parsed, rest = parser(command).parse_known_args(words)
    if rest and (not hasattr(parsed, "fields") or any(word.startswith("-") for word in rest)):
        parsed.refuse(f"unrecognized arguments: {' '.join(rest)}")
    elif rest:
        parsed.fields = [*parsed.fields, *rest]
    return parsed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command and return its exit code; expected failures are one line on stderr."""
    accept_any_text()
    words = list(sys.argv[1:] if arguments is None else arguments)
    command = next((word for word in words if not word.startswith("-")), None)
    try:
        if command == "eval" and words[0] == "eval":
            from ssd_harness.cli import eval as eval_command

            return eval_command.evaluate(words[1:])
        parsed = parse(words, command if command in COMMANDS else None)
        return int(parsed.run(parsed))
    except SsdError as error:
        print(f"ssd-harness: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(INTERRUPTED, file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader has had enough; without this the interpreter complains once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except Exception as error:  # noqa: BLE001 - an exit code of 1 would say that a gate found a regression
        from ssd_harness import crash_log

        print(f"ssd-harness: error: {crash_log.report(error, words)}", file=sys.stderr)
        return ExitCode.INFRASTRUCTURE
