"""Samples on their way: each row knows its request and what it has drawn, so that it can be read again at any time."""

from collections import deque
from collections.abc import Iterable, Iterator

from ssd_harness.engines.contracts import GenerationRequest
from ssd_harness.engines.random_streams import RandomStream


class Row:
    """One sample on its way; ``number`` is its age: a smaller one was asked for earlier."""

    __slots__ = ("done", "number", "request", "stream", "tokens")

    def __init__(self, number: int, request: GenerationRequest, seed: int) -> None:
        self.number, self.request = number, request
        self.stream = RandomStream(seed, request.key, request.index)
        self.tokens: list[int] = []
        self.done = False

    @property
    def ids(self) -> tuple[int, ...]:
        """Prompt and what was drawn after it."""
        return (*self.request.prompt_ids, *self.tokens) if self.tokens else self.request.prompt_ids

    @property
    def length(self) -> int:
        """Tokens of prompt and sample."""
        return len(self.request.prompt_ids) + len(self.tokens)


class WaitingRows:
    """Rows that no bundle holds: those that had to make room, oldest first, then new ones, read only as needed."""

    def __init__(self, requests: Iterable[GenerationRequest], seed: int) -> None:
        self._source: Iterator[Row] = (Row(number, request, seed) for number, request in enumerate(requests))
        self._rows: deque[Row] = deque()

    def __bool__(self) -> bool:
        if not self._rows:
            self._rows.extend(row for row in [next(self._source, None)] if row)
        return bool(self._rows)

    @property
    def head(self) -> Row:
        """The next row; only while there is one."""
        return self._rows[0]

    def take(self) -> Row:
        """Remove the next row; only while there is one."""
        return self._rows.popleft()

    def put_back(self, rows: Iterable[Row]) -> None:
        """Let rows wait; the oldest of all goes on first."""
        self._rows = deque(sorted([*self._rows, *rows], key=lambda row: row.number))
