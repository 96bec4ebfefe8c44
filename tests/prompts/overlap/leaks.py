"""Ways in which a prompt may hold a problem of the benchmark without being its copy, written for these tests."""

import re

LIGHT = (
    "exact",
    "wrapped",
    "embedded",
    "reformatted",
    "renamed",
    "numbers",
    "reordered",
    "no samples",
    "first half",
    "first 30 %",
    "5 % of words dropped",
    "several at once",
)
INSTRUCTIONS = (
    "You solve programming contests. Reason about the task below, then answer with one complete Python program "
    "that reads from standard input and writes to standard output.\n\n## Task\n"
)
ENDING = "\n\nEnd your answer with the program in a ```python block, and nothing after it."
SECTION = re.compile(
    r"^\W*(input|output|constraints?|sample (input|output)\W*\d*|example\W*\d*|notes?|follow-up)\W*$", re.IGNORECASE
)
PEOPLE = {"Takahashi": "Olga", "Aoki": "Piotr", "Snuke": "Quentin", "AtCoder": "Codeville"}
OTHER_NAMES = {"nums": "numbers", "queries": "questions", "grid": "field", "edges": "roads", "words": "tokens"}
SYNONYMS = {
    "given": "handed",
    "find": "compute",
    "determine": "work out",
    "print": "write",
    "output": "report",
    "return": "give back",
    "maximum": "greatest",
    "minimum": "least",
    "array": "sequence",
    "sequence": "series",
    "string": "word",
    "integer": "whole number",
    "integers": "whole numbers",
    "positive": "non-zero natural",
    "number": "amount",
    "length": "extent",
    "operation": "step",
    "operations": "steps",
    "perform": "do",
    "choose": "select",
    "select": "take",
    "distinct": "unequal",
    "different": "unlike",
    "each": "every single",
    "if": "whenever",
    "contains": "has",
    "consisting": "composed",
    "following": "next",
    "exactly": "just",
    "possible": "attainable",
    "element": "entry",
    "elements": "entries",
    "equal": "the same",
    "answer": "solution",
    "and": "plus",
    "with": "along with",
    "from": "starting at",
    "initially": "in the beginning",
}


def leaks(statement, rng, others):
    """Yield (name, text) of the statement changed in 18 ways; ``others`` are other problems."""
    parts = _sections(statement)
    told = parts[0]
    yield "exact", statement
    yield "wrapped", INSTRUCTIONS + statement + ENDING
    yield "embedded", f"{rng.choice(others)}\n\n{statement}\n\n{rng.choice(others)}"
    yield "reformatted", _reformatted(statement, rng)
    yield "renamed", _renamed(statement, rng)
    yield "numbers", _numbers(statement, rng)
    rest = parts[1:]
    rng.shuffle(rest)
    yield "reordered", "\n".join([told, *rest])
    yield "no samples", told
    yield "first half", statement[: len(statement) // 2]
    yield "first 30 %", statement[: int(len(statement) * 0.3)]
    yield "5 % of words dropped", _dropped(statement, rng, 0.05)
    yield "several at once", INSTRUCTIONS + _numbers(_renamed(told, rng), rng) + ENDING
    yield "first 60 % of the story", told[: int(len(told) * 0.6)]
    yield "half of the synonyms", _synonyms(told, rng, 0.5)
    yield "all synonyms", _synonyms(told, rng, 1.0)
    yield "10 % of words dropped", _dropped(statement, rng, 0.1)
    yield "sentences shuffled", _shuffled(told, rng)
    yield "synonyms, names and numbers", INSTRUCTIONS + _numbers(_renamed(_synonyms(told, rng, 0.5), rng), rng) + ENDING


def _sections(statement):
    parts = [[]]
    for line in statement.splitlines():
        if SECTION.match(line.strip()):
            parts.append([])
        parts[-1].append(line)
    return ["\n".join(part) for part in parts]


def _reformatted(text, rng):
    for command, sign in ((r"\\leq?\b", "≤"), (r"\\geq?\b", "≥"), (r"\\times", "*"), (r"\\[lc]?dots", "…")):
        text = re.sub(command, sign, text)
    text = re.sub(r"_\{?(\w)\}?", r"\1", text)
    lines = [f"### {line}" if SECTION.match(line.strip()) else line for line in text.splitlines() if line.strip()]
    text = "Problem\n" + "\n".join(lines)
    return text.upper() if rng.random() < 0.3 else text


def _renamed(text, rng):
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    others = rng.sample(letters, 26)
    table = dict(zip(letters, others, strict=True)) | {
        a.upper(): b.upper() for a, b in zip(letters, others, strict=True)
    }
    table |= {"a": "a", "A": "A", "I": "I"}  # mostly words
    text = re.sub(r"(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])", lambda found: table[found[0]], text)
    for name, other in (PEOPLE | OTHER_NAMES).items():
        text = re.sub(rf"\b{name}\b", other, text)
    return text


def _numbers(text, rng):
    return re.sub(r"\d+", lambda found: str(rng.randrange(10 ** len(found[0][:9]))), text)


def _dropped(text, rng, share):
    return re.sub(r"[A-Za-z]{2,}", lambda found: "" if rng.random() < share else found[0], text)


def _synonyms(text, rng, share):
    def other(found):
        word = SYNONYMS.get(found[0].lower())
        return word if word and rng.random() < share else found[0]

    return re.sub(r"[A-Za-z]+", other, text)


def _shuffled(text, rng):
    sentences = [one for one in re.split(r"(?<=[.:;!?])\s+|\n+", text) if one.strip()]
    rng.shuffle(sentences)
    return "\n".join(sentences)
