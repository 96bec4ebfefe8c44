"""Ways in which Python programs read a list that stands after its length."""

import textwrap
from collections.abc import Iterable

LIST_READERS = (
    "n = int(input())\na = list(map(int, input().split()))\n",
    "n = int(input())\na = [int(v) for v in input().split()]\n",
    "import sys\ndata = list(map(int, sys.stdin.read().split()))\nn = data[0]\na = data[1:]\n",
)
"""Each leaves the length in ``n`` and the list in ``a``."""


def after_reading(bodies: Iterable[str]) -> list[str]:
    """Put every reader before every body; the first reader comes first."""
    solutions = [textwrap.dedent(body).strip("\n") for body in bodies]
    return [reader + body for reader in LIST_READERS for body in solutions]
