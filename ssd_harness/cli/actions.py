"""Actions of a command (``ssd-harness COMMAND ACTION``), each with a description and examples."""

import argparse
from typing import Any


def add_action(actions: Any, name: str, summary: str, *examples: str) -> argparse.ArgumentParser:
    """Add an action to the sub-parsers ``actions``; ``examples`` are whole command lines."""
    parser: argparse.ArgumentParser = actions.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog="\n  ".join(("examples:", *examples)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser
