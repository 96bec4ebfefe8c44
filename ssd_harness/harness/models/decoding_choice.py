"""Resolve the decoding field by field: the user's value, else the model's, else the task's."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ssd_harness.engines.contracts import Decoding
from ssd_harness.errors import UsageError

LENGTHS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
_KNOWN = {"temperature", "top_k", "top_p", "do_sample", "until", *LENGTHS}
_DEFAULT_LENGTH = 1024


def _is_length(number: float) -> bool:
    return number >= 1 and number == int(number)


_LIMITS: Mapping[str, tuple[Callable[[float], bool], str]] = {
    "temperature": (lambda number: number >= 0, "a number of at least 0"),
    "top_k": (lambda number: number >= 0 and number == int(number), "an integer of at least 0"),
    "top_p": (lambda number: 0 < number <= 1, "a number above 0 and at most 1"),
    **dict.fromkeys(LENGTHS, (_is_length, "a positive number of tokens")),
}


@dataclass(frozen=True, slots=True)
class ResolvedDecoding:
    """A decoding, its stop strings, and where each field comes from."""

    decoding: Decoding
    until: tuple[str, ...]
    origins: tuple[tuple[str, str], ...]
    """(field, source)."""

    def as_arguments(self) -> dict[str, Any]:
        """Return it as lm-eval's ``generation_kwargs``."""
        return {
            "until": list(self.until),
            "do_sample": not self.decoding.greedy,
            "temperature": self.decoding.temperature,
            "top_k": self.decoding.top_k,
            "top_p": self.decoding.top_p,
            "max_gen_toks": self.decoding.max_new_tokens,
        }

    def __str__(self) -> str:
        """Return each field with its source."""
        fields = {
            "temperature": self.decoding.temperature,
            "top_k": self.decoding.top_k,
            "top_p": self.decoding.top_p,
            "max_gen_toks": self.decoding.max_new_tokens,
        }
        return ", ".join(f"{name} {fields[name]} ({origin})" for name, origin in self.origins)


def resolve_decoding(
    user: Mapping[str, Any], model: Mapping[str, Any], model_origins: Mapping[str, str], task: Mapping[str, Any]
) -> ResolvedDecoding:
    """Combine ``--gen_kwargs`` as the user wrote it, the model's decoding and the task's ``generation_kwargs``.

    ``model_origins`` has the origin of each field of the model's decoding.
    """
    check_fields(user)
    user_fields, task_fields = _canonical(user), _canonical(task)
    layers = (
        (dict.fromkeys(user_fields, "--gen_kwargs"), user_fields),
        (model_origins, dict(model)),
        (dict.fromkeys(task_fields, "task"), task_fields),
    )
    values: dict[str, Any] = {"temperature": 1.0, "top_k": None, "top_p": 1.0, "max_gen_toks": _DEFAULT_LENGTH}
    origins = dict.fromkeys(values, "default")
    for field in values:
        for layer_origins, layer in layers:
            if field in layer:
                values[field], origins[field] = layer[field], layer_origins[field]
                break
    try:
        top_k, top_p = int(values["top_k"] or 0), float(values["top_p"] or 1.0)
        decoding = Decoding(
            float(values["temperature"]), top_k if top_k > 0 else None, top_p, int(values["max_gen_toks"])
        )
    except (TypeError, ValueError) as error:
        raise UsageError(f"--gen_kwargs: expected a number: {error}") from error
    until = user.get("until", task.get("until")) or []
    return ResolvedDecoding(decoding, (until,) if isinstance(until, str) else tuple(until), tuple(origins.items()))


def check_fields(user: Mapping[str, Any], *, own_engine: bool = True, origin: str = "--gen_kwargs") -> None:
    """Raise :class:`UsageError` for a field of ``--gen_kwargs``, or another ``origin``, that cannot be used.

    With ``own_engine``, one of our engines generates all responses, and only accepts the known fields. Otherwise
    lm-eval's class generates some of them, and may accept any field.
    """
    unknown = sorted(map(str, set(user) - _KNOWN))
    if unknown and own_engine:
        raise UsageError(
            f"{origin}: no field is called {unknown[0]!r} here", next_step=f"use {', '.join(sorted(_KNOWN))}"
        )
    for name, (holds, wanted) in _LIMITS.items():
        value = user.get(name)
        if value is None or (name == "top_k" and str(value) == "-1"):  # -1 means no top-k in vLLM
            continue
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if isinstance(value, bool) or not (math.isfinite(number) and holds(number)):
            raise UsageError(f"{origin} {name}: expected {wanted}, got {value!r}")
    until = user.get("until")
    texts = [until] if isinstance(until, str) else until or []
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise UsageError(f"{origin} until: expected a list of strings, got {until!r}")
    if str(user.get("do_sample")).lower() not in {"true", "false", "none"}:
        raise UsageError(f"{origin} do_sample: expected true or false, got {user['do_sample']!r}")


def _canonical(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return lm-eval's generation arguments under one name each; ``do_sample=False`` is temperature 0."""
    fields = {
        field: arguments[field] for field in ("temperature", "top_k", "top_p") if arguments.get(field) is not None
    }
    length = next((arguments[name] for name in LENGTHS if arguments.get(name) is not None), None)
    if length is not None:
        fields["max_gen_toks"] = length
    if str(arguments.get("do_sample")).lower() == "false":
        fields["temperature"] = 0.0
    return fields
