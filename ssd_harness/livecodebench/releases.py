"""Releases of the LiveCodeBench data set: each is a list of files at one pinned revision, and includes the previous."""

from dataclasses import dataclass

from ssd_harness.errors import UsageError
from ssd_harness.livecodebench.windows import ALL, Window, parse_window

DATA_SET = "livecodebench/code_generation_lite"
REVISION = "0fe84c3912ea0c4d4a78037083943e8f0c4dd505"
NOT_OFFICIAL = "not the official data"
"""How tables and results mark any other content under the data set's file names."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of the data set, with its number of rows and its months at the pinned revision."""

    name: str
    rows: int
    first: str
    last: str
    size: str
    """Approximate size, for people."""
    bytes: int | None = None
    """Exact size at the pinned revision; None for a file that is not part of the data set."""
    sha256: str | None = None
    """Checksum of the whole file at the pinned revision, from the Hub's file metadata."""


# test2 to test4 also contain late additions from older contests, so their ranges of months are generous: reading a file
# that holds no problem of a window does no harm.
_FILES = (
    DataFile(
        "test.jsonl",
        400,
        "2023-05",
        "2024-03",
        "1.25 GB",
        1_252_609_773,
        "2bd02b38beb48e8c46b5b9987095d999ff38cd8efc255ea5d58974317c48f63f",
    ),
    DataFile(
        "test2.jsonl",
        111,
        "2023-05",
        "2024-06",
        "0.71 GB",
        713_377_060,
        "095df7c5daf15f882c51a9deb84085cff1e073495a5dbcf95015a564d485f3a3",
    ),
    DataFile(
        "test3.jsonl",
        101,
        "2023-05",
        "2024-08",
        "0.62 GB",
        623_360_766,
        "28ed26cc83363ce3f1fe2d5fad9f8393077beb1907b167a31bd3b32f80801b79",
    ),
    DataFile(
        "test4.jsonl",
        101,
        "2023-05",
        "2024-10",
        "1.20 GB",
        1_204_644_685,
        "d711138ddaebfcf5f8ec6a4283ee677298c0f5c5d374a235af92aaf0584510da",
    ),
    DataFile(
        "test5.jsonl",
        167,
        "2024-09",
        "2025-01",
        "0.56 GB",
        557_699_297,
        "7f77571c2a6df0c2a72a3277650309f67e01e0008e18117e624633df53f81214",
    ),
    DataFile(
        "test6.jsonl",
        175,
        "2025-01",
        "2025-04",
        "0.13 GB",
        134_303_240,
        "bb4c364f71921c4495a6ad15abe1a927350b720009f4933e2e71f8af0f6fd1f5",
    ),
)
MINI_FILE = "livecodebench_mini.jsonl"

MINI = "mini"
RELEASES: dict[str, tuple[DataFile, ...]] = {
    **{f"v{count}": _FILES[:count] for count in range(1, 7)},
    "test6": _FILES[5:],  # this file alone, which some scripts call v6
    MINI: (DataFile(MINI_FILE, 0, "2000-01", "2999-12", "some kB"),),  # written for this project, shipped with it
}

# (release, first month, last month) → number of problems, and (easy, medium, hard) if published
_EXPECTED: dict[tuple[str, str | None, str | None], tuple[int, tuple[int, int, int] | None]] = {
    ("v6", "2025-02", "2025-05"): (131, (31, 39, 61)),
    ("v6", "2024-08", "2025-02"): (374, (92, 116, 166)),
    ("v5", "2024-08", "2025-01"): (279, None),
    ("v5", "2024-07", "2024-12"): (315, None),
    ("test6", None, None): (175, None),
    **{(f"v{count}", None, None): (sum(file.rows for file in _FILES[:count]), None) for count in range(1, 7)},
}


@dataclass(frozen=True, slots=True)
class Selection:
    """The problems of one evaluation: a window of a release."""

    release: str
    window: Window

    @property
    def files(self) -> tuple[DataFile, ...]:
        """Return the files that may hold problems of the window; no other file is downloaded or read."""
        return tuple(file for file in RELEASES[self.release] if self.window.meets(file.first, file.last))

    @property
    def expected(self) -> tuple[int, tuple[int, int, int] | None] | None:
        """Return the published number of problems and its split by difficulty, as far as known."""
        return _EXPECTED.get((self.release, self.window.first, self.window.last))

    @property
    def whole_release(self) -> "Selection":
        """Return the same release with all of its months."""
        return Selection(self.release, ALL)

    def __str__(self) -> str:
        name = self.release if self.release in {MINI, "test6"} else f"release_{self.release}"
        return f"{name}, window {self.window.name} ({self.window.months})"


def select(release: str, window: str = "all") -> Selection:
    """Parse a release (``v1`` to ``v6``, ``test6``, ``mini``; ``release_v6`` means ``v6``) and a window."""
    name = release.removeprefix("release_")
    if name not in RELEASES:
        raise UsageError(f"unknown release {release!r}", next_step=f"choose one of: {', '.join(RELEASES)}")
    selection = Selection(name, parse_window(window))
    if not selection.files:
        raise UsageError(
            f"{selection}: the release has no problems in this window", next_step="choose another window or release"
        )
    return selection
