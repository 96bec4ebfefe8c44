"""A problem with its tests, and the row it becomes in LiveCodeBench's own schema."""

import base64
import json
import pickle
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

PLATFORM = "ssd-harness"
CONTEST = "families"
CONTEST_DATE = "2026-05-01T00:00:00"
"""The day these problems were written; they belong to no contest."""


@dataclass(frozen=True, slots=True)
class Case:
    """One test: raw standard input and output, or one JSON value a line and a JSON value (functional)."""

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One instance of a family."""

    question_id: str
    title: str
    statement: str
    """What is asked, with one example."""
    difficulty: str
    starter_code: str
    """Empty for problems on standard input."""
    function: str | None
    """Method of ``Solution`` that the tests call; None for problems on standard input."""
    public: tuple[Case, ...]
    private: tuple[Case, ...]

    def row(self) -> dict[str, str]:
        """Return the row, with the private tests encoded as in the data set."""
        kind = "functional" if self.function else "stdin"
        return {
            "question_title": self.title,
            "question_content": self.statement,
            "platform": PLATFORM,
            "question_id": self.question_id,
            "contest_id": CONTEST,
            "contest_date": CONTEST_DATE,
            "starter_code": self.starter_code,
            "difficulty": self.difficulty,
            "public_test_cases": json.dumps(_tests(self.public, kind)),
            "private_test_cases": encode_tests(_tests(self.private, kind)),
            "metadata": json.dumps({"func_name": self.function} if self.function else {}),
        }


def _tests(cases: Sequence[Case], kind: str) -> list[dict[str, Any]]:
    return [{**asdict(case), "testtype": kind} for case in cases]


def encode_tests(tests: Sequence[dict[str, Any]]) -> str:
    """Encode private tests: base64 of zlib of a pickled JSON string."""
    # Protocol 4 writes nothing but PROTO, FRAME, one text, MEMOIZE and STOP, as the data set's own rows do.
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(list(tests)), protocol=4), 9)).decode("ascii")
