# Returns a list nested 200,000 deep.
class Solution:
    def evens(self, xs):
        value = []
        for _ in range(200_000):
            value = [value]
        return value
