"""Twelve families of short problems, four of each difficulty, half on standard input and half functional."""

from ssd_harness.problems.families.blocks import Blocks
from ssd_harness.problems.families.chain import Chain
from ssd_harness.problems.families.collapse import Collapse
from ssd_harness.problems.families.digits import Digits
from ssd_harness.problems.families.letters import Letters
from ssd_harness.problems.families.mapping import Mapping
from ssd_harness.problems.families.pairs import Pairs
from ssd_harness.problems.families.rotation import Rotation
from ssd_harness.problems.families.stairs import Stairs
from ssd_harness.problems.families.streak import Streak
from ssd_harness.problems.families.tally import Tally
from ssd_harness.problems.families.window import Window
from ssd_harness.problems.family import Family

_FAMILIES = (Tally, Letters, Digits, Mapping, Streak, Pairs, Rotation, Blocks, Window, Stairs, Collapse, Chain)
FAMILIES: dict[str, Family] = {family.name: family() for family in _FAMILIES}
"""Every family by its name, easy ones first."""
