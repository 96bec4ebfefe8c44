"""A problem without its tests: small enough to keep all of them in memory."""

from dataclasses import asdict, dataclass

from ssd_harness.livecodebench.errata import ERRATA

DIFFICULTIES = ("easy", "medium", "hard")


@dataclass(frozen=True, slots=True)
class Problem:
    """One row of the data set, and where its line stands."""

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
    """Function or method that the tests call; None for problems on standard input."""
    tests_sha256: str
    """Hash of both encoded test fields: it changes when any test does."""
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
        """Return what is known to be wrong with this problem, if anything."""
        return ERRATA.get(self.question_id)

    def as_doc(self) -> dict[str, str]:
        """Return what an evaluation may show and log: the row's own fields, no test of any kind."""
        row = asdict(self)
        kept = ("question_id", "question_title", "question_content", "platform", "contest_id", "contest_date")
        return {**{key: row[key] for key in (*kept, "difficulty", "starter_code")}, "erratum": self.erratum or ""}

    @classmethod
    def fields(cls) -> tuple[str, ...]:
        """Return the field names in the order that an index stores them."""
        return tuple(cls.__dataclass_fields__)
