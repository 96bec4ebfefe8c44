class Solution:
    def solve(self, n):
        return n * 2
print(Solution().solve(int(input())))
