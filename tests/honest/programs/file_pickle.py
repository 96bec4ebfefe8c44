import pickle
from dataclasses import dataclass
@dataclass
class P:
    x: int
with open("p", "wb") as f:
    pickle.dump(P(3), f)
print(pickle.load(open("p", "rb")))
