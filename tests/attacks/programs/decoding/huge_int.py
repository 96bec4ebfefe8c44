# Returns an int of fifteen million digits.
class Solution:
    def total(self, xs):
        return 1 << 50_000_000
