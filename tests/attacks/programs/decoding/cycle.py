# Returns a list that contains itself.
class Solution:
    def evens(self, xs):
        value = [2]
        value.append(value)
        return value
