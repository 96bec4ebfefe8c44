"""Check the generation arguments of third-party tasks before anything is sampled."""

from collections.abc import Mapping, Sequence
from typing import Any

from ssd_harness.engines.choice import TRANSFORMERS, VLLM
from ssd_harness.errors import UsageError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Engine
from ssd_harness.harness.models.decoding_choice import LENGTHS, check_fields

_READ_BY_LM_EVAL = {"until", "max_length", *LENGTHS}
"""Arguments that lm-eval's classes read themselves; the engine gets the rest."""
_DEFAULT_LENGTH = 256
"""Tokens that lm-eval's classes generate if a task sets no limit."""


def check_arguments(task: str, arguments: Mapping[str, Any], gen_kwargs: Mapping[str, Any], *, vllm: bool) -> None:
    """Raise :class:`UsageError` for a generation argument that the engine would refuse, or a value out of range.

    ``arguments`` are the task's own, overridden by the user's ``gen_kwargs``.
    """
    own = {name: value for name, value in arguments.items() if name not in gen_kwargs}
    check_fields(gen_kwargs, own_engine=False)
    check_fields(own, own_engine=False, origin=f"generation_kwargs of {task}")
    backend = plugin_manager.lookup(Engine, VLLM if vllm else TRANSFORMERS).factory()
    for name in sorted(map(str, arguments.keys() - backend.generation_arguments() - _READ_BY_LM_EVAL)):
        origin = "--gen_kwargs" if name in gen_kwargs else f"generation_kwargs of {task}"
        engine = "vLLM" if vllm else "transformers"
        raise UsageError(f"{origin}: {engine} has no generation argument {name!r}", next_step="check its spelling")


def check_lengths(
    task: str, arguments: Mapping[str, Any], lengths: Sequence[int], *, context: int, model: str
) -> str | None:
    """Return a warning about prompts that lm-eval will truncate, None if there are none; ``lengths`` are in tokens.

    Raises :class:`UsageError` if the generation alone fills the model's ``context``.
    """
    limits = [arguments[name] for name in LENGTHS if arguments.get(name) is not None]
    length = int(float(limits[0])) if limits else _DEFAULT_LENGTH
    room = context - length
    if room < 1:
        raise UsageError(
            f"{task} generates up to {length:,} tokens, and the context of {model} is {context:,} tokens",
            next_step=f"give --gen_kwargs max_gen_toks={max(1, context // 2)} or less",
        )
    if truncated := sum(tokens > room for tokens in lengths):
        return (
            f"{task}: {truncated:,} of {len(lengths):,} prompts are longer than the {room:,} tokens that "
            f"max_gen_toks={length:,} leaves of the context; lm_eval will cut them"
        )
    return None
