# Returns infinities and overflowing literals.
class Solution:
    def mean(self, xs):
        return [float("inf"), -float("inf"), 1e308 * 10, 5e-324][len(xs) % 4]
