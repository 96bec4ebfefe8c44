# Returns dicts, tuples, sets and lists nested 3,000 deep: enough to exhaust a recursive decoder.
class Solution:
    def evens(self, xs):
        value = ()
        for i in range(1000):
            value = {"k": (frozenset([i]), [value])}
        return value
