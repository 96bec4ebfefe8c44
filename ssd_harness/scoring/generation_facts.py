"""Facts about generations beside their programs: truncation, length, and whether the reasoning ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class GenerationFacts:
    """The facts of one generation. None is unknown: other models report none of them."""

    truncated: bool | None = None
    """Whether it was cut at the token limit."""
    tokens: int | None = None
    """Generated tokens, reasoning included."""
    unfinished_reasoning: bool = False
    """Whether it ends within its reasoning, so that there is no answer."""

    def as_row(self) -> dict[str, Any]:
        """Return the known facts, as fields of a verdict row."""
        facts = {"truncated": self.truncated, "tokens": self.tokens}
        row = {name: value for name, value in facts.items() if value is not None}
        return row | ({"unfinished_reasoning": True} if self.unfinished_reasoning else {})


def summarize_facts(facts: Iterable[GenerationFacts]) -> dict[str, Any]:
    """Sum over all generations; ``unknown`` if no generation has the fact."""
    every = list(facts)
    truncated = [fact.truncated for fact in every if fact.truncated is not None]
    tokens = [fact.tokens for fact in every if fact.tokens is not None]
    return {
        "generations": len(every),
        "truncated": sum(truncated) if truncated else "unknown",
        "truncation_known": len(truncated),
        "unfinished_reasoning": sum(fact.unfinished_reasoning for fact in every),
        "tokens": sum(tokens) if tokens else "unknown",
        "tokens_per_sample": sum(tokens) / len(tokens) if tokens else "unknown",
        "tokens_known": len(tokens),
    }


def render_facts(summary: dict[str, Any]) -> str:
    """Return the counts in one line."""
    if not summary["truncation_known"]:
        cut = "truncated unknown"
    else:
        cut = f"{summary['truncated']} of {summary['truncation_known']} truncated"
    mean = summary["tokens_per_sample"]
    length = f"{mean:.0f} tokens a sample" if isinstance(mean, float) else "tokens a sample unknown"
    return f"generations: {cut}, {summary['unfinished_reasoning']} end inside their reasoning, {length}"
