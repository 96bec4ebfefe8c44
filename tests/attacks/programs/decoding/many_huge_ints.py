# Returns many ints of 40,000 digits each, whose decimal conversion is quadratic.
class Solution:
    def evens(self, xs):
        return [1 << 130_000] * 200
