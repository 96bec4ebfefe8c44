"""Extract the program from a generation by the official rule, on bounded text, after the reasoning."""

import re
from dataclasses import dataclass

FENCE = "```"
MAX_CHARACTERS = 1 << 22
"""Longest text that is searched; of a longer one, only the end."""

# Marks of the reasoning of thinking models, (start, end); the text after the last end is the answer.
_REASONING = (
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("◁think▷", "◁/think▷"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
)
REASONING_STARTS = tuple(start for start, _ in _REASONING)
REASONING_ENDS = tuple(end for _, end in _REASONING)
# The last pair without its special tokens, as some tokenizers decode it: the channel's name directly precedes the text.
_BARE_CHANNEL, _BARE_END = "analysis", "assistantfinal"
_BARE_START = re.compile(r"analysis(?=[A-Za-z])")


@dataclass(frozen=True, slots=True)
class PromptEnd:
    """What the end of a prompt has opened and the generation continues."""

    block: bool = False
    """A code block, as in raw completion prompts."""
    reasoning: bool = False
    """A reasoning part, which some chat templates start for the model."""


NOTHING_OPEN = PromptEnd()
"""A chat turn, or any other prompt after which the answer begins."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """The program found in a generation."""

    code: str
    """The program, "" if there is none."""
    unfinished_reasoning: bool = False
    """Whether the generation ends inside its reasoning part."""


def prompt_end(prompt: str) -> PromptEnd:
    """Return what the end of a prompt, as the model saw it, has opened."""
    text = prompt[-MAX_CHARACTERS:].rstrip()
    return PromptEnd(block=text.endswith(f"{FENCE}python"), reasoning=text.endswith(REASONING_STARTS))


def answer(generation: str, *, reasoning_is_open: bool = False) -> str | None:
    """Return the text after the reasoning part; None if the reasoning never ends, so that there is no answer.

    ``reasoning_is_open``: the prompt has started the reasoning. Otherwise only marks in the generation count.
    """
    start = max((generation.rfind(mark) + len(mark) for mark in REASONING_ENDS if mark in generation), default=0)
    text = generation.lstrip()
    if start == 0 and text.startswith(_BARE_CHANNEL):
        start = generation.rfind(_BARE_END) + len(_BARE_END) if _BARE_END in generation else 0
    if start == 0 and (reasoning_is_open or text.startswith(REASONING_STARTS) or _BARE_START.match(text)):
        return None
    return generation[start:]


def extract(generation: str, end: PromptEnd = NOTHING_OPEN) -> Extracted:
    """Extract the program of a generation: the lines between the last two fences.

    A line that contains three backticks is a fence; with fewer than two fences there is no program. If the prompt's
    ``end`` has opened a code block, the program is everything up to the first fence.
    """
    if end.block:
        lines = generation[:MAX_CHARACTERS].split("\n")
        return Extracted("\n".join(lines[: next((n for n, line in enumerate(lines) if FENCE in line), len(lines))]))
    text = answer(generation, reasoning_is_open=end.reasoning)
    if text is None:
        return Extracted("", unfinished_reasoning=True)
    lines = text[-MAX_CHARACTERS:].split("\n")
    fences = [number for number, line in enumerate(lines) if FENCE in line]
    return Extracted("\n".join(lines[fences[-2] + 1 : fences[-1]]) if len(fences) >= 2 else "")
