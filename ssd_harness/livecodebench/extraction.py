"""Find the program in a generation: the official rule, on bounded text, after the reasoning."""

import re
from dataclasses import dataclass

FENCE = "```"
MAX_CHARACTERS = 1 << 22
"""What is looked at: the end of longer texts."""

# How thinking models mark their reasoning, (start, end); the text after the last end is the answer.
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
# The last pair once a tokenizer has left the special tokens out: the channel's name stands right before its text.
_BARE_CHANNEL, _BARE_END = "analysis", "assistantfinal"
_BARE_START = re.compile(r"analysis(?=[A-Za-z])")


@dataclass(frozen=True, slots=True)
class PromptEnd:
    """What the end of a prompt has opened, for the generation to go on with."""

    block: bool = False
    """A code block: the raw completion form."""
    reasoning: bool = False
    """A reasoning part, which some chat templates begin for the model."""


NOTHING_OPEN = PromptEnd()
"""A chat turn, or any other prompt that ends where an answer begins."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """What a generation comes to."""

    code: str
    """The program, "" where there is none."""
    unfinished_reasoning: bool = False
    """Whether it ends inside its reasoning part."""


def prompt_end(prompt: str) -> PromptEnd:
    """Look at the end of a prompt as the model saw it."""
    text = prompt[-MAX_CHARACTERS:].rstrip()
    return PromptEnd(block=text.endswith(f"{FENCE}python"), reasoning=text.endswith(REASONING_STARTS))


def answer(generation: str, *, reasoning_is_open: bool = False) -> str | None:
    """Cut the reasoning part of a thinking model off; None where it never ends, so that there is no answer.

    ``reasoning_is_open`` says that the prompt has begun it; without, only what the generation itself marks is one.
    """
    start = max((generation.rfind(mark) + len(mark) for mark in REASONING_ENDS if mark in generation), default=0)
    text = generation.lstrip()
    if start == 0 and text.startswith(_BARE_CHANNEL):
        start = generation.rfind(_BARE_END) + len(_BARE_END) if _BARE_END in generation else 0
    if start == 0 and (reasoning_is_open or text.startswith(REASONING_STARTS) or _BARE_START.match(text)):
        return None
    return generation[start:]


def extract(generation: str, end: PromptEnd = NOTHING_OPEN) -> Extracted:
    """Find the program of a generation that goes on from a prompt's ``end``: the lines between the last two fences.

    A line with three backticks is a fence; fewer than two of them hold no program. In an open block it is everything up
    to the first fence.
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
