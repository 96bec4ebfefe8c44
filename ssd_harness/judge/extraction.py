"""Find the program in a generation: the official rule, on bounded text, after the reasoning."""

FENCE = "```"
MAX_CHARACTERS = 1 << 22
"""What is looked at: the end of longer texts."""

# The text after the last of these is the answer; a generation that opens a reasoning part and never ends it has none.
_REASONING_ENDS = ("</think>", "[/THINK]", "<|channel|>final<|message|>")
_REASONING_STARTS = ("<think>", "[THINK]", "<|channel|>analysis<|message|>")


def answer(generation: str) -> str:
    """Cut the reasoning part of a thinking model off."""
    start = max((generation.rfind(mark) + len(mark) for mark in _REASONING_ENDS if mark in generation), default=0)
    if start == 0 and generation.lstrip().startswith(_REASONING_STARTS):
        return ""
    return generation[start:]


def extract_program(generation: str, *, block_is_open: bool = False) -> str:
    """Return the lines between the last two lines that hold a fence of three backticks, or "" where there are not two.

    With ``block_is_open`` the prompt itself opened the block (the completion form), so the program is everything up to
    the first such line.
    """
    if block_is_open:
        lines = generation[:MAX_CHARACTERS].split("\n")
        return "\n".join(lines[: next((n for n, line in enumerate(lines) if FENCE in line), len(lines))])
    lines = answer(generation)[-MAX_CHARACTERS:].split("\n")
    fences = [number for number, line in enumerate(lines) if FENCE in line]
    return "\n".join(lines[fences[-2] + 1 : fences[-1]]) if len(fences) >= 2 else ""
