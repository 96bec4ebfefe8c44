"""Which rows are read, which go on and which wait, so that their attention cache stays within its memory.

A row counts with what it holds now, not with the longest that it may become. When memory runs short, the youngest rows
wait; what they have drawn is read again later, with their prompts.
"""

from collections.abc import Callable, Iterable, Sequence

from ssd_harness.engines.contracts import Decoding
from ssd_harness.engines.memory import with_spare
from ssd_harness.errors import InfrastructureError
from ssd_harness.plugins.transformers_engine.bundle import Bundle, Reader
from ssd_harness.plugins.transformers_engine.rows import Row, WaitingRows

_REFILL_SHARE = 4
"""New rows are read, and finished ones dropped, once they are one in so many: each time costs a copy of the cache."""
_APART = (3, 2.0)
"""Most bundles, and the waste up to which unequal rows share a rectangle, where each bundle takes a forward pass of its
own for every token. The waste is a multiple of the cells that the rows take alone; with room it may be more."""
_TOGETHER = (6, 1.3)
"""The same where one forward pass serves all bundles."""
_LESS = 0.7
"""What is left of the memory that was used when an accelerator had no more."""
_SHORTEST_PREFILL = 512
_NO_MEMORY = ("out of memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")


class Schedule:
    """The rows of one call. ``budget`` is in cells, ``limit`` the most rows that step side by side."""

    def __init__(self, reader: Reader, waiting: WaitingRows, *, budget: int, limit: int) -> None:
        self._reader, self._waiting = reader, waiting
        self._budget, self._limit = budget, limit
        self._most_bundles, self._waste = _TOGETHER if reader.joins_passes else _APART
        self._bundles: list[Bundle] = []
        self._reading: list[Row] = []
        self._finished: list[Row] = []
        self.reread = 0
        """How often a row had to wait and was read again."""

    def __bool__(self) -> bool:
        return bool(self._bundles or self._waiting)

    def step(self, decoding: Decoding, stop_ids: frozenset[int]) -> list[Row]:
        """Give every row that has its place one more token and return those that finish with it."""
        self._finished = []
        for action in (self._make_room, self._admit, lambda: self._draw(decoding, stop_ids), self._advance):
            if self._lacks_memory(action):
                break
        return self._finished

    @property
    def _alive(self) -> int:
        return sum(len(bundle.living) for bundle in self._bundles)

    def _make_room(self) -> None:
        """Let the next token of all rows fit: drop finished ones, split uneven bundles, send the youngest away."""
        for bundle in self._bundles:
            finished = len(bundle.rows) - len(bundle.living)
            if finished and finished * _REFILL_SHARE >= len(bundle.rows):
                self._drop_finished(bundle)
        self._unite()
        if self._next_cells() <= self._budget:
            return
        for bundle in list(self._bundles):
            self._drop_finished(bundle)
            self._split(bundle)
        self._send_away()

    def _next_cells(self) -> int:
        return sum(bundle.next_cells for bundle in self._bundles)

    def _drop_finished(self, bundle: Bundle) -> None:
        living = bundle.living
        if bundle.droppable and len(living) < len(bundle.rows):
            bundle.keep(set(living))

    def _unite(self) -> None:
        """Let bundles whose widths have come near each other go on as one: each costs a forward pass a token."""
        if self._reader.mergeable and len(self._bundles) > 1:
            for bundle in sorted(self._bundles, key=lambda one: one.columns):
                self._bundles.remove(bundle)
                self._place(bundle)

    def _split(self, bundle: Bundle) -> None:
        """Give the short rows of a bundle a narrower one, where that frees memory."""
        if not self._reader.mergeable or len(self._bundles) >= self._most_bundles:
            return
        rows = sorted(bundle.rows, key=lambda row: row.length)
        best, count = min(
            ((bundle.cells_of(rows[:k]) + bundle.cells_of(rows[k:]), k) for k in range(1, len(rows))), default=(0, 0)
        )
        if count and best * self._waste <= bundle.next_cells:
            self._bundles.append(bundle.split(set(rows[:count])))

    def _send_away(self) -> None:
        """Let the youngest rows wait until the others' next token fits; the oldest always stays."""
        staying = {id(bundle): set(bundle.rows) for bundle in self._bundles}
        needed = {id(bundle): bundle.next_cells for bundle in self._bundles}
        youngest = sorted(((row.number, row, b) for b in self._bundles for row in b.living), key=lambda one: one[0])
        while sum(needed.values()) > self._budget and len(youngest) > 1:
            _, row, bundle = youngest.pop()
            rows = staying[id(bundle)]
            rows.discard(row)
            if not bundle.droppable:  # all or none
                rows.clear()
                youngest = [one for one in youngest if one[2] is not bundle]
            needed[id(bundle)] = bundle.cells_of(list(rows))
        for bundle in list(self._bundles):
            rows = staying[id(bundle)]
            self._put_back(row for row in bundle.rows if row not in rows)
            if not rows:
                self._bundles.remove(bundle)
            elif len(rows) < len(bundle.rows):
                bundle.keep(rows)

    def _put_back(self, rows: Iterable[Row]) -> None:
        waiting = [row for row in rows if not row.done]
        self.reread += len(waiting)
        self._waiting.put_back(waiting)

    def _admit(self) -> None:
        """Read waiting rows for which there is room, once it is enough of them to be worth the copy."""
        while self._waiting and len(self._bundles) < self._most_bundles:
            alive = self._alive
            room = self._budget - sum(self._kept_cells(bundle) for bundle in self._bundles)
            places = min(self._limit - alive, room // with_spare(self._waiting.head.length))
            if alive and (places < 1 or places * _REFILL_SHARE < alive + places):
                return
            rows = self._take(max(1, places), room)
            self._reading = rows
            if sum(bundle.cells for bundle in self._bundles) + _cells(rows) > self._budget:
                for bundle in self._bundles:
                    self._drop_finished(bundle)
            self._place(self._reader.read(rows))
            self._reading = []

    def _kept_cells(self, bundle: Bundle) -> int:
        """Return what a bundle holds at its next token, if its finished rows are dropped where there are any."""
        living = bundle.living
        dropped = bundle.droppable and len(living) < len(bundle.rows)
        return min(bundle.next_cells, bundle.cells_of(living)) if dropped else bundle.next_cells

    def _take(self, places: int, room: int) -> list[Row]:
        """Remove rows from the queue that one forward pass can read, and whose lengths fit one rectangle."""
        rows = [self._waiting.take()]
        texts, widest = {rows[0].ids}, rows[0].length
        while len(rows) < places and self._waiting:
            row = self._waiting.head
            texts.add(row.ids)
            widest = max(widest, row.length)
            together = (len(rows) + 1) * with_spare(widest)
            apart = _cells(rows) + with_spare(row.length)
            if (
                len(texts) * widest > self._reader.prefill_tokens
                or together > room
                or not self._shares(together, apart)
            ):
                break
            rows.append(self._waiting.take())
        return rows

    def _shares(self, together: int, apart: int) -> bool:
        """Whether unequal rows may stand in one rectangle of ``together`` cells, which take ``apart`` alone."""
        return together <= max(self._waste * apart, self._budget / 2)

    def _place(self, bundle: Bundle) -> None:
        """Let a bundle join another one where the rectangle fits, else stand apart."""
        others = sum(one.next_cells for one in self._bundles)
        for home in sorted(self._bundles, key=lambda one: abs(one.columns - bundle.columns)):
            joined = home.cells_of(home.living + bundle.living)
            apart = home.cells_of(home.living) + bundle.cells_of(bundle.living)
            left = others - home.next_cells
            if self._reader.mergeable and left + joined <= self._budget and self._shares(left + joined, left + apart):
                home.join(bundle)
                return
        self._bundles.append(bundle)

    def _draw(self, decoding: Decoding, stop_ids: frozenset[int]) -> None:
        for bundle in self._bundles:
            self._finished += bundle.draw(decoding, stop_ids)
        self._bundles = [bundle for bundle in self._bundles if bundle.living]

    def _advance(self) -> None:
        self._reader.advance(self._bundles)

    def _lacks_memory(self, action: Callable[[], None]) -> bool:
        """Run ``action``; where the accelerator has no memory for it, start all rows over, fewer at a time."""
        try:
            action()
        except RuntimeError as error:
            if not any(words in str(error) for words in _NO_MEMORY):
                raise
            cause = str(error).partition("\n")[0]
        else:
            return False
        # Only here: while the error is handled, its traceback holds the tensors that it failed with.
        self._start_over(cause)
        return True

    def _start_over(self, cause: str) -> None:
        rows = self._reading + [row for bundle in self._bundles for row in bundle.living]
        held = sum(bundle.cells for bundle in self._bundles) + _cells(self._reading)
        if len(rows) == 1 and self._reader.prefill_tokens <= _SHORTEST_PREFILL:
            raise InfrastructureError(
                f"no memory for a sequence of {rows[0].length:,} tokens beside the model: {cause}",
                next_step="allow fewer new tokens, or use a GPU with more free memory",
            )
        self._bundles, self._reading = [], []
        self._put_back(rows)
        self._budget = int(min(self._budget, held) * _LESS)
        self._limit = max(1, int(min(self._limit, len(rows)) * _LESS))
        self._reader.prefill_tokens = max(_SHORTEST_PREFILL, self._reader.prefill_tokens // 2)
        _give_back_memory()


def _cells(rows: Sequence[Row]) -> int:
    return len(rows) * with_spare(max((row.length for row in rows), default=0))


def _give_back_memory() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
