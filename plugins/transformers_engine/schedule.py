"""Schedule rows so that their attention cache fits into its memory budget.

A row counts by its present length, not by the longest that it may reach. When memory runs short, the youngest rows
wait. Their prompts and tokens are read again later.
"""

from collections.abc import Callable, Iterable, Sequence

from ssd_harness.engines.contracts import Decoding
from ssd_harness.engines.memory import with_spare
from ssd_harness.errors import InfrastructureError
from ssd_harness.plugins.transformers_engine.bundle import Bundle, Reader
from ssd_harness.plugins.transformers_engine.rows import Row, WaitingRows

_REFILL_SHARE = 4
"""New rows are read, and finished ones dropped, once they are at least one in four. Each time copies the cache."""
_APART = (3, 2.0)
"""The most bundles, and the waste up to which rows of unequal length share a bundle, if each bundle needs its own
forward pass for every token. Waste is a multiple of the cells that the rows take alone; with room, more is allowed."""
_TOGETHER = (6, 1.3)
"""The same if one forward pass serves all bundles."""
_LESS = 0.7
"""After an out-of-memory error, the budget is this part of the memory that was used."""
_SHORTEST_PREFILL = 512
_NO_MEMORY = ("out of memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")


class Schedule:
    """The rows of one call. ``budget`` is in cells; ``limit`` is the most rows that run side by side."""

    def __init__(self, reader: Reader, waiting: WaitingRows, *, budget: int, limit: int) -> None:
        self._reader, self._waiting = reader, waiting
        self._budget, self._limit = budget, limit
        self._most_bundles, self._waste = _TOGETHER if reader.joins_passes else _APART
        self._bundles: list[Bundle] = []
        self._reading: list[Row] = []
        self._finished: list[Row] = []
        self.reread = 0
        """How many times a row had to wait and was read again."""

    def __bool__(self) -> bool:
        return bool(self._bundles or self._waiting)

    def step(self, decoding: Decoding, stop_ids: frozenset[int]) -> list[Row]:
        """Draw one more token for every running row and return the rows that it finishes."""
        self._finished = []
        for action in (self._make_room, self._admit, lambda: self._draw(decoding, stop_ids), self._advance):
            if self._lacks_memory(action):
                break
        return self._finished

    @property
    def _alive(self) -> int:
        return sum(len(bundle.living) for bundle in self._bundles)

    def _make_room(self) -> None:
        """Make room for the next token of all rows: drop finished rows, split uneven bundles, send young rows away."""
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
        """Join bundles of similar width: each one costs a forward pass for each token."""
        if self._reader.mergeable and len(self._bundles) > 1:
            for bundle in sorted(self._bundles, key=lambda other: other.columns):
                self._bundles.remove(bundle)
                self._place(bundle)

    def _split(self, bundle: Bundle) -> None:
        """Move the short rows of a bundle into a narrower one if that frees memory."""
        if not self._reader.mergeable or len(self._bundles) >= self._most_bundles:
            return
        rows = sorted(bundle.rows, key=lambda row: row.length)
        best, count = min(
            ((bundle.cells_of(rows[:k]) + bundle.cells_of(rows[k:]), k) for k in range(1, len(rows))), default=(0, 0)
        )
        if count and best * self._waste <= bundle.next_cells:
            self._bundles.append(bundle.split(set(rows[:count])))

    def _send_away(self) -> None:
        """Make the youngest rows wait until the next token of the others fits; the oldest row always stays."""
        staying = {id(bundle): set(bundle.rows) for bundle in self._bundles}
        needed = {id(bundle): bundle.next_cells for bundle in self._bundles}
        youngest = sorted(((row.number, row, b) for b in self._bundles for row in b.living), key=lambda entry: entry[0])
        while sum(needed.values()) > self._budget and len(youngest) > 1:
            _, row, bundle = youngest.pop()
            rows = staying[id(bundle)]
            rows.discard(row)
            if not bundle.droppable:  # all or none
                rows.clear()
                youngest = [entry for entry in youngest if entry[2] is not bundle]
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
        """Read waiting rows that fit, once they are enough to be worth a copy of the cache."""
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
        """Return the cells of a bundle after its next token, assuming that its finished rows are dropped."""
        living = bundle.living
        dropped = bundle.droppable and len(living) < len(bundle.rows)
        return min(bundle.next_cells, bundle.cells_of(living)) if dropped else bundle.next_cells

    def _take(self, places: int, room: int) -> list[Row]:
        """Take rows from the queue that one forward pass can read and whose lengths are similar enough."""
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
        """Whether rows that take ``apart`` cells alone may share a bundle of ``together`` cells."""
        return together <= max(self._waste * apart, self._budget / 2)

    def _place(self, bundle: Bundle) -> None:
        """Join a bundle with another one if that fits, else keep it separate."""
        others = sum(other.next_cells for other in self._bundles)
        for home in sorted(self._bundles, key=lambda other: abs(other.columns - bundle.columns)):
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
        """Run ``action``; if the accelerator runs out of memory, read all rows again, fewer at a time."""
        try:
            action()
        except RuntimeError as error:
            if not any(phrase in str(error) for phrase in _NO_MEMORY):
                raise
            cause = str(error).partition("\n")[0]
        else:
            return False
        # Not inside the handler: there the traceback still holds the tensors of the failed step.
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
