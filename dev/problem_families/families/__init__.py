"""Twelve families of short problems, four of each difficulty, half on standard input and half functional."""

from problem_families.families.blocks import Blocks
from problem_families.families.chain import Chain
from problem_families.families.collapse import Collapse
from problem_families.families.digits import Digits
from problem_families.families.letters import Letters
from problem_families.families.mapping import Mapping
from problem_families.families.pairs import Pairs
from problem_families.families.rotation import Rotation
from problem_families.families.stairs import Stairs
from problem_families.families.streak import Streak
from problem_families.families.tally import Tally
from problem_families.families.window import Window
from problem_families.family import Family

_FAMILIES = (Tally, Letters, Digits, Mapping, Streak, Pairs, Rotation, Blocks, Window, Stairs, Collapse, Chain)
FAMILIES: dict[str, Family] = {family.name: family() for family in _FAMILIES}
"""Every family by its name, easy ones first."""
