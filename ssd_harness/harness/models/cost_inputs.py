"""What the cost estimate of an evaluation needs: its size, and how the model class loads the model."""

from collections.abc import Mapping
from typing import Any

from ssd_harness.engines.choice import VLLM
from ssd_harness.estimates.evaluation_cost import Evaluation, EvaluationEngine
from ssd_harness.harness import run_context
from ssd_harness.harness.models.decoding_choice import resolve_decoding
from ssd_harness.harness.task.task_names import longest_generation, selection_of
from ssd_harness.recipe.definition import Recipe
from ssd_harness.scoring.options import DEFAULT_REPEATS, evaluation_options

STANDARD_TASK = "livecodebench_v6"
"""The task whose cost is estimated if no task is requested."""
_NOT_ESTIMATED = {
    "device_map",
    "kv_cache_dtype",
    "max_memory",
    "parallelize",
    "quantization",
    "tp_plan",
}
"""Arguments of a model class that quantise or spread the model in ways that the estimate does not cover."""
_VLLM_SHARE = 0.9
_DTYPE_BYTES = {"float32": 4, "float": 4, "float64": 8, "double": 8}


def requested_evaluation(recipe: Recipe, engine: EvaluationEngine) -> Evaluation | None:
    """Return the size of the current evaluation of our tasks, at most; None if it has none."""
    from ssd_harness.harness.models.evaluation_check import selected_problems

    request = run_context.current().request
    if request is None or not request.own_tasks:
        return None
    options = evaluation_options(request.metadata, strict=False)
    programs, tokens, longest = 0, 0, 0
    for task in request.own_tasks:
        selection = selection_of(task, release=options.release, window=options.window)
        if selection is None:
            return None
        length = _length(task, recipe, request.gen_kwargs)
        count = len(selected_problems(task, selection, request)) * options.repeats
        programs, tokens, longest = programs + count, tokens + count * length, max(longest, length)
    return Evaluation(request.own_tasks, programs, tokens, longest, engine)


def standard_evaluation(recipe: Recipe) -> Evaluation:
    """Return the size of the evaluation on the paper's window, for costs that do not depend on a request."""
    selection = selection_of(STANDARD_TASK)
    assert selection
    assert selection.expected
    programs, length = selection.expected[0] * DEFAULT_REPEATS, _length(STANDARD_TASK, recipe, {})
    engine = evaluation_engine({}, vllm=recipe.engine == VLLM)
    return Evaluation((STANDARD_TASK,), programs, programs * length, length, engine)


def evaluation_engine(arguments: Mapping[str, Any], *, vllm: bool) -> EvaluationEngine:
    """Return how a model class with these ``arguments`` loads the model."""
    defaults = {"kv_cache_dtype": "auto"}
    changed = {name for name, value in arguments.items() if value not in (None, False, "False", defaults.get(name))}
    dtype = str(arguments.get("dtype", "auto")).removeprefix("torch.")
    context = arguments.get("max_length") or arguments.get("max_model_len")
    return EvaluationEngine(
        vllm=vllm,
        weight_bytes=None if dtype in {"None", "auto"} else _DTYPE_BYTES.get(dtype, 2),
        devices=_count(arguments, "tensor_parallel_size") * _count(arguments, "pipeline_parallel_size"),
        share=float(arguments.get("gpu_memory_utilization") or _VLLM_SHARE) if vllm else 1.0,
        context=int(context) if context else None,
        counted=not changed & _NOT_ESTIMATED,
    )


def _length(task: str, recipe: Recipe, gen_kwargs: Mapping[str, Any]) -> int:
    own = {"max_gen_toks": recipe.max_gen_toks_eval} if recipe.max_gen_toks_eval else {}
    origins = dict.fromkeys(own, "recipe")
    return resolve_decoding(
        gen_kwargs, own, origins, {"max_gen_toks": longest_generation(task)}
    ).decoding.max_new_tokens


def _count(arguments: Mapping[str, Any], name: str) -> int:
    return int(arguments.get(name) or 1)
