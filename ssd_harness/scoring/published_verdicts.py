"""Compare our verdicts with those that a file of samples contains."""

from collections.abc import Iterable, Mapping
from typing import Any

from ssd_harness.judge.verdicts import ProgramVerdict, Verdict

_SHOWN = 5


def compare(
    verdicts: Iterable[ProgramVerdict], published: Mapping[tuple[str, int], bool | None]
) -> dict[str, Any] | None:
    """Return where pass or fail differs, or None if nothing was published, which is by (question_id, sample)."""
    pairs = [
        (f"{verdict.question_id}#{verdict.sample}", verdict.passed, before)
        for verdict in verdicts
        if verdict.verdict is not Verdict.IE
        and (before := published.get((verdict.question_id, verdict.sample))) is not None
    ]
    if not pairs:
        return None
    return {
        "compared": len(pairs),
        "pass_now": [name for name, passed, before in pairs if passed and not before],
        "fail_now": [name for name, passed, before in pairs if before and not passed],
    }


def render(comparison: Mapping[str, Any]) -> str:
    """Return the comparison in one line."""
    differ = len(comparison["pass_now"]) + len(comparison["fail_now"])
    parts = [f"verdicts in the file: {comparison['compared']} compared, {differ} differ"]
    for kind, words in (("pass_now", "pass now"), ("fail_now", "fail now")):
        if names := comparison[kind]:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            parts.append(f"{len(names)} {words}: {', '.join(names[:_SHOWN])}{more}")
    return "; ".join(parts)
