"""What our models answer: a text that also knows how many tokens it took and why it ended.

lm-eval hands a model's answers to the task as they are (``instance.resps``), so the task needs no other channel::

    note = note_of(response)      # None where another model, such as stock ``hf``, has answered
    if note:
        note.tokens, note.stop, note.truncated
"""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class GenerationNote:
    """What is known about one generation beside its text."""

    tokens: int
    """Tokens drawn, those of a reasoning part and the one that ended it among them."""
    stop: str
    """``eos``, or ``length`` where max_gen_toks cut it."""
    in_reasoning: bool = False
    """Whether the text starts inside a reasoning part, which the chat template has opened."""

    @property
    def truncated(self) -> bool:
        """Whether it was cut before the model had ended it."""
        return self.stop == "length"


class Generation(str):
    """A generated text with its note; everywhere else it is the plain text."""

    __slots__ = ("note",)

    note: GenerationNote

    def __new__(cls, text: str, note: GenerationNote) -> Self:
        """Build it from the text, after stop texts and reasoning have been cut."""
        made = super().__new__(cls, text)
        made.note = note
        return made

    def __getnewargs__(self) -> tuple[str, GenerationNote]:  # type: ignore[override]
        return str(self), self.note


def note_of(response: str) -> GenerationNote | None:
    """Return the note of a response, if the model that answered has left one."""
    return getattr(response, "note", None)
