"""What a family of programming problems is: parameters, statements, tests, and programs that solve it or nearly do."""

import hashlib
import itertools
import json
import random
import re
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from problem_families.problem import Case, Problem

Parameters = Mapping[str, Any]
Arguments = tuple[Any, ...]

RANDOM_TESTS = 8
PUBLIC_TESTS = 2


class Family(ABC):
    """Problems that differ in a few parameters and share their idea.

    Arguments of a problem are integers, strings or lists of integers. On standard input a list stands on two lines,
    its length first; anything else on one line. Functional problems get their arguments as JSON.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    difficulty: ClassVar[str]
    """``easy``, ``medium`` or ``hard``."""
    signature: ClassVar[str | None] = None
    """Method to complete, as ``name(self, …) -> …``; None for problems on standard input."""
    space: ClassVar[Mapping[str, Sequence[Any]]]
    """Parameter name → its values."""

    @abstractmethod
    def statements(self, p: Parameters) -> Sequence[str]:
        """Ask the same question in several wordings, without an example."""

    @abstractmethod
    def gist(self, p: Parameters) -> str:
        """Say in a few words what is asked; two combinations of parameters never have the same gist."""

    @abstractmethod
    def edges(self, p: Parameters) -> Sequence[Arguments]:
        """Return the arguments on which careless programs fail."""

    @abstractmethod
    def draw(self, p: Parameters, rng: random.Random, size: int) -> Arguments:
        """Draw arguments of about ``size`` elements."""

    @abstractmethod
    def answer(self, p: Parameters, *arguments: Any) -> Any:
        """Return the right answer, by the most obvious way rather than the quickest."""

    @abstractmethod
    def right(self, p: Parameters) -> Sequence[str]:
        """Return programs that solve the problem, each in its own style; the first is the reference."""

    @abstractmethod
    def wrong(self, p: Parameters) -> Sequence[str]:
        """Return programs with a mistake that people make; each fails on some test."""

    @property
    def function(self) -> str | None:
        """Name of the method that functional tests call."""
        return self.signature.partition("(")[0] if self.signature else None

    @property
    def starter_code(self) -> str:
        """The beginning that a functional program must complete; empty for standard input."""
        return f"class Solution:\n    def {self.signature}:\n        " if self.signature else ""

    def instances(self) -> Iterator[dict[str, Any]]:
        """Yield every combination of parameters."""
        for values in itertools.product(*self.space.values()):
            yield dict(zip(self.space, values, strict=True))

    def program(self, source: str) -> str:
        """Lay out a program: dedent it and, for functional problems, put it under the starter code as a body."""
        body = textwrap.dedent(source).strip("\n")
        if not self.signature:
            return body + "\n"
        return self.starter_code.rstrip() + "\n" + textwrap.indent(body, " " * 8) + "\n"

    def problem(self, p: Parameters, seed: str, question_id: str | None = None) -> Problem:
        """Make the problem with parameters ``p``: wording, example and tests follow from ``seed``, always the same."""
        identity = json.dumps([self.name, sorted(p.items()), seed])
        rng = random.Random(identity)
        wording = rng.choice(self.statements(p))
        example = self.draw(p, rng, rng.randint(3, 6))
        tests = [example, self.draw(p, rng, 5), *self.edges(p)]
        tests += [self.draw(p, rng, rng.randint(1, 30)) for _ in range(RANDOM_TESTS)]
        cases = list(dict.fromkeys(self.case(p, arguments) for arguments in tests))
        return Problem(
            question_id=question_id or f"{self.name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}",
            title=self.title,
            statement=f"{wording}\n\n{self._example(p, example)}",
            difficulty=self.difficulty,
            starter_code=self.starter_code,
            function=self.function,
            public=tuple(cases[:PUBLIC_TESTS]),
            private=tuple(cases[PUBLIC_TESTS:]),
        )

    def case(self, p: Parameters, arguments: Arguments) -> Case:
        """Write arguments and their right answer as one test."""
        answer = self.answer(p, *arguments)
        if self.signature:
            return Case("\n".join(json.dumps(argument) for argument in arguments), json.dumps(answer))
        lines: list[str] = []
        for argument in arguments:
            if isinstance(argument, list):
                lines += [str(len(argument)), " ".join(map(str, argument))]
            else:
                lines.append(str(argument))
        return Case("\n".join(lines) + "\n", f"{answer}\n")

    def _example(self, p: Parameters, arguments: Arguments) -> str:
        case = self.case(p, arguments)
        if not self.signature:
            return f"Sample input:\n{case.input}Sample output:\n{case.output}".rstrip("\n")
        names = re.findall(r"(\w+): ", self.signature)
        given = ", ".join(f"{name} = {value}" for name, value in zip(names, case.input.split("\n"), strict=True))
        return f"Example: {given} gives {case.output}"
