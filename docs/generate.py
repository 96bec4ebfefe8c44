"""Write docs/commands.md and docs/hooks.md from the code; ``--check`` only says whether they are up to date."""

import inspect
import os
import sys
from pathlib import Path

os.environ["COLUMNS"] = "100"  # argparse wraps at the terminal's width

from ssd_harness import hookspecs
from ssd_harness.cli import COMMANDS, parser
from ssd_harness.errors import ExitCode
from ssd_harness.plugin_manager import factories, load

HERE = Path(__file__).resolve().parent
HEADER = "<!-- Written by docs/generate.py; change the code, then run it again. -->\n\n"


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


def main() -> int:
    """Write the pages, or with ``--check`` compare them and return 1 when one is stale."""
    stale = []
    for name, text in (("commands.md", commands()), ("hooks.md", hooks())):
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
