"""The conditions that a run was evaluated under; two runs are comparable where these are equal."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ssd_harness.harness.result_files.outcomes import ProblemOutcome

_HASH = 12


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions besides the model that decide a score; None if the files of the run do not record one."""

    window: str | None = None
    data: str | None = None
    """Revision of the data set, or a hash of the data files if the user provides them."""
    judge: str | None = None
    tests: str | None = None
    sandbox: str | None = None
    """Kind of the sandbox and fingerprint of the image that programs run on."""
    prompt: str | None = None
    samples: str | None = None
    """Samples of each problem, such as ``5`` or ``3 to 5``."""

    @classmethod
    def of(cls, provenance: Mapping[str, Any], outcomes: Mapping[str, ProblemOutcome]) -> "Conditions":
        """Read the conditions from a run's provenance, which may come from anywhere, and its outcomes."""
        data, scoring = _mapping(provenance.get("data")), _mapping(provenance.get("scoring"))
        sandbox, prompt = _mapping(scoring.get("sandbox")), _mapping(provenance.get("prompt"))
        counts = [outcome.samples for outcome in outcomes.values()]
        fewest, most = min(counts, default=0), max(counts, default=0)
        return cls(
            window=_words(data.get("release"), data.get("window")),
            data=_text(data.get("revision")) or _hash_of_files(_mapping(data.get("files"))),
            judge=_text(scoring.get("judge")),
            tests=_text(scoring.get("tests")),
            sandbox=_words(sandbox.get("sandbox"), _short(sandbox.get("fingerprint"))),
            prompt=_words(prompt.get("name"), _short(prompt.get("sha256"))),
            samples=(str(most) if fewest == most else f"{fewest} to {most}") if counts else None,
        )

    def differences(self, other: "Conditions") -> list[str]:
        """Name each condition that both runs state and that differs, as ``judge: lcb and stdio``."""
        pairs = ((field.name, getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return [
            f"{name}: {mine} and {theirs}"
            for name, mine, theirs in pairs
            if mine is not None and theirs is not None and mine != theirs
        ]


def _hash_of_files(files: Mapping[str, Any]) -> str | None:
    hashes = [_short(_mapping(about).get("sha256")) for _, about in sorted(files.items())]
    return "+".join(each for each in hashes if each) or None


def _words(*parts: Any) -> str | None:
    return " ".join(text for text in map(_text, parts) if text) or None


def _short(value: Any) -> str | None:
    text = _text(value)
    return text[:_HASH] if text else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
