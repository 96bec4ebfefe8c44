from dataclasses import dataclass, field
from typing import Dict, List, NamedTuple, Optional, get_type_hints
@dataclass(order=True)
class E:
    w: int
    to: List[int] = field(default_factory=list, compare=False)
class N(NamedTuple):
    a: int = 1
print(sorted([E(2), E(1)]), N(), get_type_hints(E))
