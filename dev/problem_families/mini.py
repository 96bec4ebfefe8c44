"""The problems of ``livecodebench_mini``: three of each family, set apart from everything that is ever trained on.

``python -m problem_families.mini FILE`` writes them in LiveCodeBench's own schema.
"""

import functools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from problem_families.families import FAMILIES
from problem_families.problem import Problem
from ssd_harness.storage import atomic_writer

CHOSEN: dict[str, tuple[dict[str, Any], ...]] = {
    "tally": (
        {"fold": "sum", "condition": "divisible by 4"},
        {"fold": "largest", "condition": "odd"},
        {"fold": "smallest", "condition": "greater than 5"},
    ),
    "letters": (
        {"letter": "c", "action": "removed"},
        {"letter": "e", "action": 'turned into "w"'},
        {"letter": "b", "action": "doubled"},
    ),
    "digits": (
        {"fold": "sum", "base": 6, "step": ""},
        {"fold": "number", "base": 3, "step": "plus 1"},
        {"fold": "largest", "base": 8, "step": "times 2"},
    ),
    "mapping": (
        {"change": "multiplied by", "number": 4, "order": "in reverse order"},
        {"change": "reduced modulo", "number": 7, "order": "in ascending order"},
        {"change": "decreased by", "number": 3, "order": "in the same order"},
    ),
    "streak": (
        {"what": "longest run", "condition": "even"},
        {"what": "number of runs", "condition": "less than 6"},
        {"what": "longest run", "condition": "divisible by 3"},
    ),
    "pairs": (
        {"relation": "divisible", "number": 5},
        {"relation": "difference", "number": 3},
        {"relation": "above", "number": 8},
    ),
    "rotation": (
        {"side": "left", "distance": 4, "finish": ""},
        {"side": "right", "distance": 6, "finish": " and reversed"},
        {"side": "left", "distance": 9, "finish": " and without its first element"},
    ),
    "blocks": (
        {"fold": "sum", "size": 3, "rest": "keep"},
        {"fold": "maximum", "size": 5, "rest": "drop"},
        {"fold": "last element", "size": 4, "rest": "keep"},
    ),
    "window": (
        {"choice": "largest", "measure": "sum", "size": 4, "missing": -1},
        {"choice": "smallest", "measure": "spread", "size": 3, "missing": 0},
        {"choice": "largest", "measure": "product of the ends", "size": 6, "missing": 0},
    ),
    "stairs": (
        {"jumps": (1, 3), "order": "matters", "modulo": None},
        {"jumps": (2, 5), "order": "does not matter", "modulo": None},
        {"jumps": (3, 4), "order": "matters", "modulo": 100},
    ),
    "collapse": (
        {"pair": "ab", "result": "the rest"},
        {"pair": "fc", "result": "the rest twice"},
        {"pair": "de", "result": "the rest reversed"},
    ),
    "chain": (
        {"relation": "exactly {} above", "number": 2},
        {"relation": "at least {} below", "number": 4},
        {"relation": "at most {} from", "number": 7},
    ),
}
"""Family → parameters of its problems."""


@functools.cache
def problems() -> tuple[Problem, ...]:
    """Make the problems; the result never changes."""
    return tuple(
        FAMILIES[family].problem(parameters, seed="mini", question_id=f"mini_{family}_{number}")
        for family, chosen in CHOSEN.items()
        for number, parameters in enumerate(chosen, start=1)
    )


def main(arguments: Sequence[str]) -> None:
    """Write all rows to the file named by the only argument."""
    (path,) = arguments
    with atomic_writer(Path(path)) as stream:
        stream.writelines(json.dumps(problem.row()) + "\n" for problem in problems())


if __name__ == "__main__":
    main(sys.argv[1:])
