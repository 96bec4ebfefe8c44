"""The ``ssd-harness`` command: a table of sub-commands, each of which is imported only when it runs."""

import argparse
import importlib
import keyword
import os
import sys
from collections.abc import Sequence

from ssd_harness import __version__
from ssd_harness.errors import INTERRUPTED, ExitCode, SsdError
from ssd_harness.printable import accept_any_text

# Command → one-line help. The module ssd_harness.cli.<command> has add_arguments(parser) and run(arguments) -> int.
COMMANDS: dict[str, str] = {
    "eval": "run lm_eval with the models and tasks of ssd-harness",
    "distill": "sample, filter, fine-tune and register a checkpoint, without evaluating it",
    "score": "judge programs that were generated elsewhere",
    "sweep": "train and evaluate a grid of recipes",
    "compare": "compare finished runs, with confidence intervals",
    "gate": "compare a run with a baseline and fail if it is worse",
    "baseline": "write a run's figures to a small file for the gate",
    "recipe": "show a model's recipe and where each value comes from",
    "data": "describe, verify and download the LiveCodeBench data",
    "models": "list, show, rename, remove and publish checkpoints",
    "cache": "list cached samples and generations, and remove unused ones",
    "sandbox": "build, check, describe and prune the sandbox that programs run in",
    "export": "export samples for another trainer",
    "import": "register a checkpoint that was trained elsewhere",
    "doctor": "report what this machine lacks and how to fix it",
}

EPILOG = """first steps:
  ssd-harness doctor                   report what this machine lacks
  ssd-harness recipe show demo         show the recipe of the embedded model
  ssd-harness distill demo --dry-run   estimate what it costs
train and evaluate with one command:
  lm_eval --model ssd-hf --model_args pretrained=MODEL --tasks livecodebench_v6

`ssd-harness COMMAND --help` shows examples.
exit codes: 0 success, 1 a gate found a regression, 2 usage or configuration error,
3 infrastructure failure (engine, data, disk, programs without a verdict),
4 inconclusive (only if asked to fail), 130 interrupted (Ctrl-C)"""


def module_of(name: str) -> str:
    """Return the module of a command; keywords of Python, such as ``import``, get an underscore."""
    return f"ssd_harness.cli.{name}{'_' if keyword.iskeyword(name) else ''}"


def parser(command: str | None = None) -> argparse.ArgumentParser:
    """Build the argument parser; only the module of ``command`` is imported, so that ``--help`` stays fast."""
    root = argparse.ArgumentParser(
        prog="ssd-harness",
        description="Apply simple self-distillation to a language model and measure the result on LiveCodeBench.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"ssd-harness {__version__}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        # `eval` passes its arguments to lm_eval unchanged, --help included.
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
    """Parse a command line; unlike argparse alone, accept field=value arguments anywhere in it."""
    parsed, rest = parser(command).parse_known_args(words)
    if rest and (not hasattr(parsed, "fields") or any(word.startswith("-") for word in rest)):
        parsed.refuse(f"unrecognized arguments: {' '.join(rest)}")
    elif rest:
        parsed.fields = [*parsed.fields, *rest]
    return parsed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command and return its exit code; print an expected failure as one line on stderr."""
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
        # The reader closed the pipe. Without this, the interpreter prints another error when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except Exception as error:  # noqa: BLE001 - Python's own exit code, 1, means that a gate found a regression
        from ssd_harness import crash_log

        print(f"ssd-harness: error: {crash_log.report(error, words)}", file=sys.stderr)
        return ExitCode.INFRASTRUCTURE
