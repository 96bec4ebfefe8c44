"""Check what other people's tasks ask lm-eval's own classes to generate, before anything is sampled."""

from collections.abc import Mapping, Sequence
from typing import Any

from ssd_harness.engines.choice import TRANSFORMERS, VLLM
from ssd_harness.errors import UsageError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Engine
from ssd_harness.harness.models.decoding import LENGTHS, check_fields

_LM_EVALS = {"until", "max_length", *LENGTHS}
"""What lm-eval's classes take out before the engine sees the rest."""
_USUAL_LENGTH = 256
"""Tokens that lm-eval's classes generate where a task names no limit."""


def check_arguments(task: str, arguments: Mapping[str, Any], given: Mapping[str, Any], *, vllm: bool) -> None:
    """Raise :class:`UsageError` for a generation argument that the engine would refuse, or a value out of range.

    ``arguments`` are the task's own with the user's above them, ``given`` those of ``--gen_kwargs``.
    """
    own = {name: value for name, value in arguments.items() if name not in given}
    check_fields(given, own_engine=False)
    check_fields(own, own_engine=False, origin=f"generation_kwargs of {task}")
    backend = plugin_manager.lookup(Engine, VLLM if vllm else TRANSFORMERS).factory()
    for name in sorted(map(str, arguments.keys() - backend.generation_arguments() - _LM_EVALS)):
        origin = "--gen_kwargs" if name in given else f"generation_kwargs of {task}"
        engine = "vLLM" if vllm else "transformers"
        raise UsageError(f"{origin}: {engine} has no generation argument {name!r}", next_step="check its spelling")


def check_lengths(
    task: str, arguments: Mapping[str, Any], lengths: Sequence[int], *, context: int, model: str
) -> str | None:
    """Return what must be told about prompts that lm-eval will cut, None if it cuts none; ``lengths`` are in tokens.

    Raises :class:`UsageError` where the generation alone fills the model's ``context``.
    """
    named = [arguments[name] for name in LENGTHS if arguments.get(name) is not None]
    length = int(float(named[0])) if named else _USUAL_LENGTH
    room = context - length
    if room < 1:
        raise UsageError(
            f"{task} generates up to {length:,} tokens, and the context of {model} is {context:,} tokens",
            next_step=f"give --gen_kwargs max_gen_toks={max(1, context // 2)} or less",
        )
    if cut := sum(tokens > room for tokens in lengths):
        return (
            f"{task}: {cut:,} of {len(lengths):,} prompts are longer than the {room:,} tokens that "
            f"max_gen_toks={length:,} leaves of the context; lm_eval will cut them"
        )
    return None
