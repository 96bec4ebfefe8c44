"""A problem without its tests, small enough to keep all problems in memory."""

from dataclasses import asdict, dataclass

from ssd_harness.livecodebench.errata import ERRATA

DIFFICULTIES = ("easy", "medium", "hard")


@dataclass(frozen=True, slots=True)
class Problem:
    """One row of the data set, and the position of its line."""

    question_id: str
    question_title: str
    question_content: str
    platform: str
    contest_id: str
    contest_date: str
    """ISO date and time."""
    difficulty: str
    starter_code: str
    """Empty for problems on standard input."""
    function: str | None
    """The function or method that the tests call; None for problems on standard input."""
    tests_sha256: str
    """Hash of both encoded test fields; it changes if any test does."""
    file: str
    line: int
    offset: int
    size: int

    @property
    def month(self) -> str:
        """Return the contest's month, ``YYYY-MM``."""
        return self.contest_date[:7]

    @property
    def erratum(self) -> str | None:
        """Return the known error of this problem, None if there is none."""
        return ERRATA.get(self.question_id)

    def as_doc(self) -> dict[str, str]:
        """Return the fields that an evaluation may show and log: never a test."""
        row = asdict(self)
        names = ("question_id", "question_title", "question_content", "platform", "contest_id", "contest_date")
        return {**{key: row[key] for key in (*names, "difficulty", "starter_code")}, "erratum": self.erratum or ""}

    @classmethod
    def fields(cls) -> tuple[str, ...]:
        """Return the field names in the order in which an index stores the values."""
        return tuple(cls.__dataclass_fields__)
