import resource
import sys
hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
resource.setrlimit(resource.RLIMIT_STACK, (hard, hard))
sys.setrecursionlimit(10**6)
class Deep:
    def __init__(self, n):
        self.n = n
    def __len__(self):
        return 0 if self.n == 0 else 1 + len(Deep(self.n - 1))
print(len(Deep(50_000)))
