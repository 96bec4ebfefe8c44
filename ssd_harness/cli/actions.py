"""Actions of a command, ``ssd-harness COMMAND ACTION``: each explains itself and has examples."""

import argparse
from typing import Any


def add_action(actions: Any, name: str, summary: str, *examples: str) -> argparse.ArgumentParser:
    """Add an action to what ``add_subparsers`` returned; ``examples`` are whole command lines."""
    parser: argparse.ArgumentParser = actions.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog="\n  ".join(("examples:", *examples)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser
