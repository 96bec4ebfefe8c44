"""Settle field by field how generations are drawn: the user's word, then the model's, then the task's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ssd_harness.engines.contracts import Decoding
from ssd_harness.errors import UsageError

_LENGTHS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
_KNOWN = {"temperature", "top_k", "top_p", "do_sample", "until", *_LENGTHS}
_DEFAULT_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class Settled:
    """A decoding, the texts that end a generation, and who decided each field."""

    decoding: Decoding
    until: tuple[str, ...]
    origins: tuple[tuple[str, str], ...]
    """(field, who decided it)."""

    def as_arguments(self) -> dict[str, Any]:
        """Return it in the words of lm-eval's ``generation_kwargs``."""
        return {
            "until": list(self.until),
            "do_sample": not self.decoding.greedy,
            "temperature": self.decoding.temperature,
            "top_k": self.decoding.top_k,
            "top_p": self.decoding.top_p,
            "max_gen_toks": self.decoding.max_new_tokens,
        }

    def __str__(self) -> str:
        """Say each field and who decided it."""
        fields = {
            "temperature": self.decoding.temperature,
            "top_k": self.decoding.top_k,
            "top_p": self.decoding.top_p,
            "max_gen_toks": self.decoding.max_new_tokens,
        }
        return ", ".join(f"{name} {fields[name]} ({origin})" for name, origin in self.origins)


def settle(
    user: Mapping[str, Any], subject: Mapping[str, Any], subject_origins: Mapping[str, str], task: Mapping[str, Any]
) -> Settled:
    """Combine ``--gen_kwargs`` as the user wrote it, the model's decoding and the task's ``generation_kwargs``.

    ``subject_origins`` says of each field of the model's decoding who decided it.
    """
    if unknown := sorted(set(user) - _KNOWN):
        raise UsageError(
            f"--gen_kwargs {unknown[0]} is not known to this engine", next_step=f"it knows {', '.join(sorted(_KNOWN))}"
        )
    given, own = _named(user), _named(task)
    layers = (
        (dict.fromkeys(given, "--gen_kwargs"), given),
        (subject_origins, dict(subject)),
        (dict.fromkeys(own, "task"), own),
    )
    values: dict[str, Any] = {"temperature": 1.0, "top_k": None, "top_p": 1.0, "max_gen_toks": _DEFAULT_LENGTH}
    origins = dict.fromkeys(values, "default")
    for field in values:
        for said, layer in layers:
            if field in layer:
                values[field], origins[field] = layer[field], said[field]
                break
    try:
        top_k, top_p = int(values["top_k"] or 0), float(values["top_p"] or 1.0)
        decoding = Decoding(
            float(values["temperature"]), top_k if top_k > 0 else None, top_p, int(values["max_gen_toks"])
        )
    except (TypeError, ValueError) as error:
        raise UsageError(f"--gen_kwargs holds no number where one is needed: {error}") from error
    if decoding.temperature < 0 or not 0 < decoding.top_p <= 1 or decoding.max_new_tokens < 1:
        raise UsageError(f"decoding makes no sense: {decoding}", next_step="look at --gen_kwargs")
    until = user.get("until", task.get("until")) or []
    return Settled(decoding, (until,) if isinstance(until, str) else tuple(until), tuple(origins.items()))


def _named(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return lm-eval's generation arguments under one name each; ``do_sample=False`` is temperature 0."""
    named = {field: arguments[field] for field in ("temperature", "top_k", "top_p") if arguments.get(field) is not None}
    length = next((arguments[name] for name in _LENGTHS if arguments.get(name) is not None), None)
    if length is not None:
        named["max_gen_toks"] = length
    if str(arguments.get("do_sample")).lower() == "false":
        named["temperature"] = 0.0
    return named
