"""Unfinished samples. Each row keeps its request and its tokens, so that it can be read again at any time."""

from collections import deque
from collections.abc import Iterable, Iterator

from ssd_harness.engines.contracts import GenerationRequest
from ssd_harness.engines.random_streams import RandomStream


class Row:
    """One unfinished sample; a smaller ``number`` means that it was requested earlier."""

    __slots__ = ("done", "number", "request", "stream", "tokens")

    def __init__(self, number: int, request: GenerationRequest, seed: int) -> None:
        self.number, self.request = number, request
        self.stream = RandomStream(seed, request.key, request.index)
        self.tokens: list[int] = []
        self.done = False

    @property
    def ids(self) -> tuple[int, ...]:
        """The prompt and the tokens drawn so far."""
        return (*self.request.prompt_ids, *self.tokens) if self.tokens else self.request.prompt_ids

    @property
    def length(self) -> int:
        """How many tokens prompt and sample have."""
        return len(self.request.prompt_ids) + len(self.tokens)


class WaitingRows:
    """Rows outside all bundles: first those that had to make room, oldest first, then new ones, requested as needed."""

    def __init__(self, requests: Iterable[GenerationRequest], seed: int) -> None:
        self._source: Iterator[Row] = (Row(number, request, seed) for number, request in enumerate(requests))
        self._rows: deque[Row] = deque()

    def __bool__(self) -> bool:
        if not self._rows:
            self._rows.extend(row for row in [next(self._source, None)] if row)
        return bool(self._rows)

    @property
    def head(self) -> Row:
        """The next row. There must be one."""
        return self._rows[0]

    def take(self) -> Row:
        """Remove and return the next row. There must be one."""
        return self._rows.popleft()

    def put_back(self, rows: Iterable[Row]) -> None:
        """Queue rows again; the oldest of all comes first."""
        self._rows = deque(sorted([*self._rows, *rows], key=lambda row: row.number))
