"""What is known of generations beside their programs: cut off or not, how long, whether the reasoning ever ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class GenerationFacts:
    """The facts of one generation; None is unknown, which is all that models of others tell."""

    truncated: bool | None = None
    """Whether the limit of tokens cut it."""
    tokens: int | None = None
    """Tokens drawn, reasoning included."""
    unfinished_reasoning: bool = False
    """Whether it ends inside its reasoning part, so that it holds no answer."""

    def as_row(self) -> dict[str, Any]:
        """Return those that are worth a place in a verdict row."""
        known = {"truncated": self.truncated, "tokens": self.tokens}
        row = {name: value for name, value in known.items() if value is not None}
        return row | ({"unfinished_reasoning": True} if self.unfinished_reasoning else {})


def summarize_facts(facts: Iterable[GenerationFacts]) -> dict[str, Any]:
    """Count over all generations; ``unknown`` stands where no generation tells."""
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
    """Say the counts in one line."""
    if not summary["truncation_known"]:
        cut = "truncated unknown"
    else:
        cut = f"{summary['truncated']} of {summary['truncation_known']} truncated"
    mean = summary["tokens_per_sample"]
    length = f"{mean:.0f} tokens a sample" if isinstance(mean, float) else "tokens a sample unknown"
    return f"generations: {cut}, {summary['unfinished_reasoning']} end inside their reasoning, {length}"
