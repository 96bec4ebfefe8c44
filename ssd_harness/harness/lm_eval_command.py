"""Run lm-eval's command line in this process."""

import sys
from collections.abc import Sequence

from ssd_harness.harness import patches


def run(arguments: Sequence[str]) -> None:
    """Run ``lm_eval`` with these arguments, as its console script does; :class:`SystemExit` where that exits."""
    patches.activate()
    from lm_eval.__main__ import cli_evaluate

    words_before = sys.argv
    sys.argv = ["lm_eval", *arguments]
    try:
        cli_evaluate()
    finally:
        sys.argv = words_before
