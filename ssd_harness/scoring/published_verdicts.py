"""Set our verdicts beside those that a file of samples brings along."""

from collections.abc import Iterable, Mapping
from typing import Any

from ssd_harness.judge.verdicts import ProgramVerdict, Verdict

_SHOWN = 5


def compare(
    verdicts: Iterable[ProgramVerdict], published: Mapping[tuple[str, int], bool | None]
) -> dict[str, Any] | None:
    """Count where pass or fail differs; ``published`` is by (question_id, sample). None where nothing was published."""
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


def render(found: Mapping[str, Any]) -> str:
    """Say it in one line."""
    differ = len(found["pass_now"]) + len(found["fail_now"])
    parts = [f"verdicts in the file: {found['compared']} compared, {differ} differ"]
    for kind, words in (("pass_now", "pass now"), ("fail_now", "fail now")):
        if names := found[kind]:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            parts.append(f"{len(names)} {words}: {', '.join(names[:_SHOWN])}{more}")
    return "; ".join(parts)
