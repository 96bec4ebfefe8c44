"""Refuse, before the model is built, what lm-eval would get wrong or refuse after it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssd_harness import bridge
from ssd_harness.errors import UsageError
from ssd_harness.evaluation_request import EvaluationRequest


def check(
    request: EvaluationRequest, arguments: Mapping[str, Any], index: Mapping[str, Any], *, own_model: bool
) -> None:
    """Raise :class:`UsageError` for a combination of lm-eval's flags that cannot end well.

    Our own tasks need no ``--confirm_run_unsafe_code``: their programs run in the sandbox only.
    """
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
    # lm-eval looks at this only once the model is there: after the whole fine-tuning.
    unsafe = [name for name in request.tasks if name in index and (index[name].cfg or {}).get("unsafe_code")]
    if unsafe and not arguments.get("confirm_run_unsafe_code"):
        raise UsageError(
            f"task {unsafe[0]} runs the model's code outside of any sandbox",
            next_step="add --confirm_run_unsafe_code if that is acceptable, or leave the task out",
        )
    if arguments.get("use_cache"):
        bridge.log.warning(
            "--use_cache: its keys hold the prompt, not the checkpoint; use a new file for each recipe and model"
        )


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
    for name, chosen in request.samples.items():
        if name not in request.tasks:
            raise UsageError(
                f"--samples names {name}, which is not evaluated", next_step=f"name one of {', '.join(request.tasks)}"
            )
        if name in request.own_tasks and list(chosen) != sorted(set(chosen)):
            raise UsageError(
                f"--samples of {name} must be in ascending order, each once: lm-eval logs them under the wrong ids "
                "otherwise",
                next_step=f"write {sorted(set(chosen))}",
            )
