"""Training metrics: one JSON object per step and line, kept with the checkpoint."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

METRICS = "metrics.jsonl"


class MetricsFile:
    """Writes one line per optimiser step, in order and once, even if the training was killed and resumed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / METRICS

    def begin_after(self, step: int) -> None:
        """Drop the lines of steps after ``step``, which will be repeated."""
        kept = [line for line in self._lines() if _step(line) <= step]
        self._path.write_text("".join(f"{line}\n" for line in kept), "utf-8")

    def add(self, metrics: Mapping[str, Any]) -> None:
        """Append a step's metrics; ``step`` is among them."""
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(dict(metrics)) + "\n")

    def _lines(self) -> list[str]:
        return self._path.read_text("utf-8").splitlines() if self._path.exists() else []


def _step(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):  # the last line of a killed training
        return float("inf")
