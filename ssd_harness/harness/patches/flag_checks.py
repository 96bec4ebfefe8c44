"""Check lm-eval's options before the model is built: lm-eval reports some errors later, and some never."""

import difflib
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssd_harness.errors import UsageError
from ssd_harness.harness import patches
from ssd_harness.harness.evaluation_request import EvaluationRequest

_LARGEST_SEED = 2**32 - 1
"""The largest seed that numpy accepts."""


def check(
    request: EvaluationRequest, arguments: Mapping[str, Any], index: Mapping[str, Any], *, own_model: bool
) -> None:
    """Raise :class:`UsageError` for options of lm-eval that are not valid together.

    Our own tasks need no ``--confirm_run_unsafe_code``: their programs run only in the sandbox.
    """
    _check_values(request, arguments)
    _check_kinds(request, arguments)
    _check_model(arguments.get("model"))
    if request.include_path and not Path(request.include_path).is_dir():
        raise UsageError("--include_path: no such folder", where=request.include_path, next_step="check its spelling")
    if request.own_tasks:
        if arguments.get("num_fewshot"):
            raise UsageError(
                f"--num_fewshot: {request.own_tasks[0]} has no examples to show", next_step="leave it out, or give 0"
            )
        _check_sampling(request.own_tasks[0], request, arguments)
    if not own_model:
        return
    if arguments.get("check_integrity"):
        _check_own_tests_of_lm_eval()
    # lm-eval checks this only after it has built the model, which is after the fine-tuning.
    unsafe = [name for name in request.tasks if name in index and (index[name].cfg or {}).get("unsafe_code")]
    if unsafe and not arguments.get("confirm_run_unsafe_code"):
        raise UsageError(
            f"task {unsafe[0]} runs the model's code outside of any sandbox",
            next_step="add --confirm_run_unsafe_code if that is acceptable, or leave the task out",
        )
    if cache := arguments.get("use_cache"):
        from ssd_harness.harness import preflight  # other evaluations do not import it

        preflight.check_output(Path(cache).parent, option="--use_cache")
        patches.log.warning(
            "--use_cache: its keys hold the prompt, not the checkpoint; use a new file for each recipe and model"
        )


def _check_values(request: EvaluationRequest, arguments: Mapping[str, Any]) -> None:
    """Check values that lm-eval reads after it has built the model, or after the last task."""
    limit = request.limit
    if limit is not None and not (_is_number(limit) and math.isfinite(limit) and limit > 0):
        raise UsageError(
            f"--limit: expected a number above 0, got {limit!r}", next_step="leave it out for all problems"
        )
    shots = arguments.get("num_fewshot")
    if shots is not None and not (isinstance(shots, int) and not isinstance(shots, bool) and shots >= 0):
        raise UsageError(f"--num_fewshot: expected an integer of at least 0, got {shots!r}")
    for name in ("random_seed", "numpy_random_seed", "torch_random_seed", "fewshot_random_seed"):
        seed = arguments.get(name)
        if seed is not None and not (isinstance(seed, int) and 0 <= seed <= _LARGEST_SEED):
            raise UsageError(f"--seed: expected integers from 0 to {_LARGEST_SEED}, got {seed!r}")
    level = arguments.get("verbosity")
    if level is not None and not isinstance(logging.getLevelName(level), int):
        raise UsageError(
            f"--verbosity: no level is called {level!r}", next_step="give DEBUG, INFO, WARNING, ERROR or CRITICAL"
        )


def _check_kinds(request: EvaluationRequest, arguments: Mapping[str, Any]) -> None:
    """Check the types of values, which only a --config file or a library call can get wrong."""
    for name in ("system_instruction", "use_cache"):
        if not isinstance(arguments.get(name), str | None):
            raise UsageError(f"--{name}: expected a text, got {arguments[name]!r}")
    if not isinstance(request.output_path, str | Path | None):
        raise UsageError(f"--output_path: expected a path, got {request.output_path!r}")
    if not isinstance(arguments.get("samples"), Mapping | None):
        raise UsageError(
            f"--samples: expected task names with lists of numbers, got {arguments['samples']!r}",
            next_step="write '{\"TASK\": [0, 1]}', or name a file with it",
        )
    if not isinstance(request.apply_chat_template, bool | str | None):
        raise UsageError(f"--apply_chat_template: expected a name, or no value, got {request.apply_chat_template!r}")


def _check_model(model: Any) -> None:
    import lm_eval.models  # noqa: F401 - registers them
    from lm_eval.api.registry import model_registry

    if isinstance(model, str) and model not in model_registry:
        near = difflib.get_close_matches(model, list(model_registry.keys()), n=1)
        hint = f"did you mean {near[0]!r}?" if near else "`lm_eval run --help` names some; ssd-hf is one of ours"
        raise UsageError(f"--model: no model is called {model!r}", next_step=hint)


def _check_own_tests_of_lm_eval() -> None:
    """Require a checkout of lm-eval, whose tests ``--check_integrity`` runs after the model is built."""
    from lm_eval import evaluator_utils

    try:
        root = evaluator_utils.find_test_root(start_path=Path(evaluator_utils.__file__))
    except FileNotFoundError:
        root = None
    if root is None or not (root / "tests" / "test_version_stable.py").is_file():
        raise UsageError("--check_integrity needs a checkout of lm_eval, with its tests", next_step="leave it out")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_sampling(task: str, request: EvaluationRequest, arguments: Mapping[str, Any]) -> None:
    if arguments.get("use_cache"):
        raise UsageError(
            f"--use_cache cannot hold the samples of {task}: it keeps one answer a prompt", next_step="leave it out"
        )
    if arguments.get("cache_requests"):
        raise UsageError(
            f"--cache_requests cannot be used with {task}: it would bring back the decoding of an earlier run",
            next_step="leave it out",
        )
    for name, indices in request.samples.items():
        if not (isinstance(indices, list | tuple) and all(isinstance(index, int) for index in indices)):
            raise UsageError(f"--samples of {name}: expected a list of integers, got {indices!r}")
        if name not in request.tasks:
            raise UsageError(
                f"--samples names {name}, which is not evaluated", next_step=f"name one of {', '.join(request.tasks)}"
            )
        if name in request.own_tasks and list(indices) != sorted(set(indices)):
            raise UsageError(
                f"--samples of {name} must be in ascending order, each once: lm-eval logs them under the wrong ids "
                "otherwise",
                next_step=f"write {sorted(set(indices))}",
            )
