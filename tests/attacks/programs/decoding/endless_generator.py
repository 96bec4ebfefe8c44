# Returns a generator that never ends.
import itertools


class Solution:
    def evens(self, xs):
        return (x * 2 for x in itertools.count())
