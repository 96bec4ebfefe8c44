"""Evaluate a model from Python: lm-eval's own ``simple_evaluate``, with the checks and files of the command."""

import difflib
import inspect
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.recipe.definition import FIELDS

_SET_HERE = {"model", "model_args", "tasks", "evaluation_tracker", "task_manager", "log_samples"}
"""Arguments of ``simple_evaluate`` that :func:`evaluate` sets itself."""


def evaluate(
    model: str,
    tasks: str | Sequence[str],
    *,
    model_class: str = "ssd-hf",
    model_args: Mapping[str, Any] | None = None,
    output_path: str | os.PathLike[str] | None = None,
    include_path: str | os.PathLike[str] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Evaluate a model as it is on lm-eval tasks, and return lm-eval's results.

    This is the evaluation of ``lm_eval --model ssd-hf --tasks ...``: the same checks before the model is loaded, the
    same generations and verdicts, which are reused, and the same files.

    Args:
        model: ``ssd:NAME`` for a registered checkpoint, a Hub id, a local folder, or ``demo``. A model that is not a
            registered checkpoint is evaluated as it is, without training (``rounds=0``).
        tasks: Names of lm-eval tasks, such as ``livecodebench_v6`` or ``["livecodebench_mini"]``.
        model_class: lm-eval's name of the model class. ``ssd-hf`` generates with transformers or vLLM, as
            ``model_args["engine"]`` and this machine decide; ``ssd-vllm`` requires vLLM.
        model_args: Fields of the recipe for the evaluation (``{"T_eval": 1.1}``), and arguments of the model class.
        output_path: Folder for ``results_*.json`` and ``samples_*.jsonl``, which ``compare`` reads. None writes none.
        include_path: Folder with further task definitions.
        **options: Arguments of ``lm_eval.simple_evaluate``: ``limit`` (the first N problems of each task),
            ``gen_kwargs``, ``metadata`` (``{"repeats": 10, "window": "v5"}``), ``num_fewshot``, ``batch_size``, ...

    Returns:
        lm-eval's dictionary. ``results[TASK]`` maps ``METRIC,FILTER`` to values, proportions in [0, 1] for pass@k, and
        ``samples[TASK]`` lists each problem with its generations and verdicts.

    Raises:
        UsageError: A model, task, option or combination is not valid. Raised before the model is loaded.
        InfrastructureError: The sandbox or the data is not available, programs were left without a verdict, or the
            results could not be written.

    """
    from ssd_harness.harness import patches, run_context
    from ssd_harness.harness.patches import discovery
    from ssd_harness.harness.patches.command_errors import expected_cause

    names = [tasks] if isinstance(tasks, str) else list(tasks)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise UsageError(f"tasks expected names of tasks, got {tasks!r}", next_step="`lm_eval ls tasks` lists them")
    arguments = _model_args(model, model_args or {})
    patches.activate()
    from lm_eval import evaluator
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    _check_options(options, evaluator.simple_evaluate)
    folder = None if include_path is None else os.fspath(include_path)
    discovery.require_tasks(names, folder)
    metadata = dict(options.pop("metadata", None) or {})
    tracker = EvaluationTracker(output_path=None if output_path is None else os.fspath(output_path))
    with run_context.entered(run_context.current().for_command()) as context:
        with discovery.index_for(names):
            manager = TaskManager(include_path=folder, metadata=arguments | metadata)
        try:
            results = evaluator.simple_evaluate(
                model=model_class,
                model_args=arguments,
                tasks=names,
                evaluation_tracker=tracker,
                task_manager=manager,
                log_samples=True,
                metadata=metadata,
                **options,
            )
        except Exception as error:
            if expected := expected_cause(error):
                raise expected from error
            raise
        if results is None:
            raise InfrastructureError(
                "lm_eval returned no results", next_step="call evaluate in the first process alone"
            )
        if output_path is not None:
            _save(results, tracker)
        if context.command.save_error:
            raise context.command.save_error
    return dict(results)


def _model_args(model: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    for name in ("pretrained", "name"):
        if name in arguments:
            raise UsageError(f"{name} cannot be given in model_args", next_step="give the model as the first argument")
    untrained = {} if model.startswith("ssd:") else {"rounds": 0}
    return {"pretrained": model, **untrained, **arguments}


def _check_options(options: Mapping[str, Any], target: Any) -> None:
    names = [name for name in inspect.signature(target).parameters if name not in _SET_HERE]
    for option in options:
        if option in FIELDS:
            raise UsageError(
                f"{option} is a field of the recipe", next_step=f"give model_args={{{option!r}: {options[option]!r}}}"
            )
        if option not in names:
            near = difflib.get_close_matches(option, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose one of: {', '.join(names)}"
            raise UsageError(f"lm_eval has no option {option!r}", next_step=hint)


def _save(results: Mapping[str, Any], tracker: Any) -> None:
    """Write the files that lm-eval's command writes."""
    samples = results["samples"]
    tracker.save_results_aggregated(
        results={name: part for name, part in results.items() if name != "samples"}, samples=samples
    )
    for task in results["configs"]:
        tracker.save_results_samples(task_name=task, samples=samples[task])
