"""A generation of an ``ssd-*`` model: lm-eval passes on its text, and the run context stores how it was drawn."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Generation:
    """One generated text, after stop strings and reasoning are cut, and how its tokens were drawn."""

    text: str
    tokens: int
    """Number of tokens drawn, including any reasoning and the token that ended the text."""
    stop: str
    """``eos``, or ``length`` if max_gen_toks cut the text."""
    in_reasoning: bool = False
    """Whether the text starts inside a reasoning part that the chat template opened."""

    @property
    def truncated(self) -> bool:
        """Whether the text was cut before the model ended it."""
        return self.stop == "length"
