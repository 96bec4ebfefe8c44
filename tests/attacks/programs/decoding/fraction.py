# Returns Fractions with gigantic parts.
from fractions import Fraction


class Solution:
    def mean(self, xs):
        return Fraction(10**45_000 + 1, 3**40_000)
