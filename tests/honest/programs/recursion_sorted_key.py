import sys
sys.setrecursionlimit(10**6)
class Node:
    def __init__(self, below):
        self.below = below
    def __hash__(self):
        return hash(self.below) + 1
node = 0
for _ in range(60_000):
    node = Node(node)
print(hash(node))
