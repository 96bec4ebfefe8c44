"""The text that the demo model is trained on: chat prompts of generated problems, each with one program."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from problem_families import generator

from demo_model.noise import Noise, write_program
from ssd_harness import prompt_styles


@dataclass(frozen=True, slots=True)
class Lesson:
    """One prompt and one reply to it."""

    user: str
    reply: str


def lessons(*, seed: int, count: int, noise: Noise) -> Iterator[Lesson]:
    """Yield ``count`` lessons; the same seed gives the same ones."""
    rng = random.Random(f"lessons {seed}")
    for drawn in generator.draw(seed=seed, count=count):
        program = write_program(drawn.family, drawn.parameters, noise, rng)
        yield Lesson(prompt_styles.render(drawn.problem.row()).user, f"```python\n{program}```")
