"""Hard, standard input: count the ways up a staircase."""

import random
from collections.abc import Sequence
from typing import ClassVar

from problem_families.family import Arguments, Family, Parameters

_JUMPS = tuple((x, y) for x in range(1, 6) for y in range(x + 1, 8))


class Stairs(Family):
    """Sequences or selections of two kinds of jumps, maybe modulo a number."""

    name = "stairs"
    title = "Stairs"
    difficulty = "hard"
    space: ClassVar = {"jumps": _JUMPS, "order": ("matters", "does not matter"), "modulo": (None, 10, 100, 1000)}

    def statements(self, p: Parameters) -> Sequence[str]:
        """Word the question."""
        x, y = p["jumps"]
        modulo = f" modulo {p['modulo']}" if p["modulo"] else ""
        return (
            f"Print the ways to climb N stairs in jumps of {x} and {y}{modulo}. Order {p['order']}.",
            f"In how many ways is N a sum of {x} and {y}{modulo}, where order {p['order']}?",
            f"Jumps of {x} or {y} lead up N stairs. Print the ways{modulo}; order {p['order']}.",
        )

    def gist(self, p: Parameters) -> str:
        """Name the parameters."""
        return f"{p['jumps'][0]} and {p['jumps'][1]}, order {p['order']}" + (
            f", modulo {p['modulo']}" if p["modulo"] else ""
        )

    def edges(self, p: Parameters) -> Sequence[Arguments]:
        """No stair, stairs that nothing reaches, the jumps themselves, their sum, many."""
        x, y = p["jumps"]
        return tuple((n,) for n in (0, 1, 2, x, y, x + y, x * y, x * y + x + y, 2 * y + x, 30, 60))

    def draw(self, p: Parameters, rng: random.Random, size: int) -> Arguments:
        """Draw a number of stairs that some jumps reach."""
        x, y = p["jumps"]
        return (x * rng.randint(0, size) + y * rng.randint(1, size),)

    def answer(self, p: Parameters, n: int) -> int:  # type: ignore[override]
        """Count selections by how many long jumps they hold; order them by counting paths."""
        x, y = p["jumps"]
        if p["order"] == "matters":
            ways = [1]
            for i in range(1, n + 1):
                ways.append((ways[i - x] if i >= x else 0) + (ways[i - y] if i >= y else 0))
            count = ways[n]
        else:
            count = sum((n - y * long) % x == 0 for long in range(n // y + 1))
        return count % p["modulo"] if p["modulo"] else count

    def right(self, p: Parameters) -> Sequence[str]:
        """Pull table, push table, growing list, recursion with a memory."""
        x, y = p["jumps"]
        end = f" % {p['modulo']}" if p["modulo"] else ""
        if p["order"] == "does not matter":
            return _selections(x, y, end)
        return [
            f"""
            n = int(input())
            d = [1] + [0] * n
            for i in range(1, n + 1):
                for k in ({x}, {y}):
                    if i >= k:
                        d[i] += d[i - k]
            print(d[n]{end})
            """,
            f"""
            n = int(input())
            d = [0] * (n + 8)
            d[0] = 1
            for i in range(n):
                d[i + {x}] += d[i]
                d[i + {y}] += d[i]
            print(d[n]{end})
            """,
            f"""
            n = int(input())
            ways = [0] * {y - 1} + [1]
            for i in range(n):
                ways.append(ways[-{x}] + ways[-{y}])
            print(ways[-1]{end})
            """,
            f"""
            from functools import lru_cache
            n = int(input())
            @lru_cache(None)
            def f(m):
                if m <= 0:
                    return int(m == 0)
                return f(m - {x}) + f(m - {y})
            print(f(n){end})
            """,
        ]

    def wrong(self, p: Parameters) -> Sequence[str]:
        """Nest the loops the other way round, which counts the other thing."""
        x, y = p["jumps"]
        end = f" % {p['modulo']}" if p["modulo"] else ""
        if p["order"] == "matters":
            return [_selections(x, y, end)[0]]
        return [self.right({**p, "order": "matters"})[0]]


def _selections(x: int, y: int, end: str) -> list[str]:
    return [
        f"""
        n = int(input())
        d = [1] + [0] * n
        for k in ({x}, {y}):
            for i in range(k, n + 1):
                d[i] += d[i - k]
        print(d[n]{end})
        """,
        f"""
        n = int(input())
        count = 0
        for i in range(0, n + 1, {y}):
            if (n - i) % {x} == 0:
                count += 1
        print(count{end})
        """,
        f"""
        n = int(input())
        print(sum(1 for i in range(n // {x} + 1) if (n - {x} * i) % {y} == 0){end})
        """,
        f"""
        n = int(input())
        total = 0
        while n >= 0:
            if n % {x} == 0:
                total += 1
            n -= {y}
        print(total{end})
        """,
    ]
