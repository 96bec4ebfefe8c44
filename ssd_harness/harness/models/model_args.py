"""Split ``--model_args`` into fields of the recipe and arguments of lm-eval's model class."""

import inspect
import json
from collections.abc import Collection, Mapping
from typing import Any

from ssd_harness.engines.choice import TRANSFORMERS, VLLM, EngineChoice
from ssd_harness.errors import UsageError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Engine
from ssd_harness.recipe.definition import FIELDS, nearest

_TRANSFORMERS = EngineChoice(TRANSFORMERS, "as asked")
_BOTH = {"device", "trust_remote_code"}
"""Arguments for both the transform and the evaluation."""
_OURS = {"recipe"}
_REFUSED = {
    "peft": "train adapters with lora_rank=, or merge first and give the merged folder",
    "delta": "apply the delta first and give the resulting folder",
    "gguf_file": "convert the model to safetensors first and give that folder",
    **dict.fromkeys(("autogptq", "gptqmodel"), "leave it out: transformers reads quantised models without it"),
    "subfolder": "give the folder itself",
    "variant": "rename the files of that variant and give their folder",
    **dict.fromkeys(
        ("load_in_4bit", "load_in_8bit", "quantization_config"),
        "give a model that is stored quantised: transformers 5 takes no such argument",
    ),
}


def split_arguments(
    arguments: Mapping[str, Any],
    model_class: type,
    *,
    further: Collection[str] | None = None,
    refused: Mapping[str, str] = _REFUSED,
    elsewhere: Collection[str] = (),
    engine: EngineChoice = _TRANSFORMERS,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (recipe overrides, arguments of ``model_class``).

    ``further`` are arguments that the class passes on, by default those of transformers. ``refused`` maps forbidden
    arguments to the next step of the error. ``elsewhere`` are arguments of the other engine; ``engine`` gives the
    reason why that one is not used. Raises :class:`UsageError` for an unknown name, with the nearest one that exists,
    and for arguments that would evaluate another model than the trained one.
    """
    own = set(inspect.signature(model_class).parameters) - {"kwargs"}
    accepted = own | set(passed_on() if further is None else further)
    for name, value in arguments.items():
        if name in refused and (value or name not in own):
            raise UsageError(f"{name}= cannot be combined with the transform", next_step=refused[name])
        if name in elsewhere and name not in accepted and name not in FIELDS:
            other = TRANSFORMERS if engine.name == VLLM else VLLM
            raise UsageError(
                f"{name}= is an argument of engine={other}, and this is another ({engine.words})",
                next_step=f"leave it out, or give engine={other}",
            )
        if name not in FIELDS and name not in accepted | _OURS:
            raise UsageError(f"no argument is called {name!r}", next_step=nearest(name, {*FIELDS, *accepted, *_OURS}))
    overrides = {name: _as_field(name, value) for name, value in arguments.items() if name in FIELDS or name in _OURS}
    rest = {name: value for name, value in arguments.items() if name not in overrides or name in _BOTH}
    return overrides, rest


def passed_on(engine: str = TRANSFORMERS) -> frozenset[str]:
    """Return the arguments that lm-eval's class passes on to the engine's loader.

    The loaders accept any keyword, so a name outside this set would be a misspelt field.
    """
    return plugin_manager.lookup(Engine, engine).factory().model_arguments()


def _as_field(name: str, value: Any) -> Any:
    """Return the value as the recipe stores it: lm-eval passes values for the chat template as a dictionary."""
    return json.dumps(value, sort_keys=True) if name == "chat_template_args" and isinstance(value, Mapping) else value
