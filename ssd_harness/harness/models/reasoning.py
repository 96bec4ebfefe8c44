"""Find the end of a generation's reasoning in its tokens: decoding to text drops the special ones."""

from collections.abc import Sequence
from typing import Any

from ssd_harness.livecodebench.extraction import REASONING_ENDS, REASONING_STARTS, prompt_end

_LOOK = 16
"""Number of tokens, at the end of a prompt or the start of a generation, in which a mark is looked for."""


class ReasoningMarks:
    """The reasoning marks of one tokenizer; ``end`` is lm-eval's ``think_end_token``: an id, a text or None."""

    def __init__(self, tokenizer: Any, end: int | str | None = None) -> None:
        self._tokenizer, self._end_text = tokenizer, end if isinstance(end, str) else None
        special = {str(token): number for token, number in _special(tokenizer)}
        self._ends = {special[mark] for mark in REASONING_ENDS if mark in special} | (
            {end} if isinstance(end, int) else set()
        )

    def opened_by(self, prompt_ids: Sequence[int]) -> bool:
        """Return whether a prompt ends with the start of a reasoning part."""
        return prompt_end(self._tokenizer.decode(prompt_ids[-_LOOK:])).reasoning

    def split(self, token_ids: Sequence[int], *, opened: bool) -> tuple[Sequence[int], bool]:
        """Return the tokens after the reasoning, and whether they still start inside it.

        Only marks that are single special tokens are cut here; marks that are plain text remain in the text.
        """
        last = max((number for number, token in enumerate(token_ids) if token in self._ends), default=None)
        if last is not None:
            return token_ids[last + 1 :], False
        if self._end_text and self._end_text in self._tokenizer.decode(token_ids):
            return token_ids, False
        return token_ids, opened or self._tokenizer.decode(token_ids[:_LOOK]).lstrip().startswith(REASONING_STARTS)


def _special(tokenizer: Any) -> list[tuple[str, int]]:
    return list(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True))
