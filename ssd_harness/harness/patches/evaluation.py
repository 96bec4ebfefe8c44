"""Capture the arguments of an evaluation, and check them and the machine before lm-eval builds the model."""

import contextlib
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ssd_harness.errors import UsageError
from ssd_harness.harness import ownership, patches, run_context
from ssd_harness.harness.evaluation_request import EvaluationRequest
from ssd_harness.harness.patches import (
    discovery,
    final_summary,
    flag_checks,
    overlap,
    result_fields,
    sample_seeds,
    saving,
)
from ssd_harness.harness.run_context import DryRunFinished, ParsedArguments, RunContext
from ssd_harness.harness.third_party_tasks import ThirdPartyTasks
from ssd_harness.printable import accept_any_text


def extend_evaluator(evaluator: Any) -> None:
    """Wrap both steps of an evaluation."""
    wrap_simple_evaluate(evaluator)
    result_fields.wrap_evaluate(evaluator)
    overlap.wrap_evaluate(evaluator)
    sample_seeds.wrap_evaluate(evaluator)


def wrap_simple_evaluate(evaluator: Any) -> None:
    """Wrap ``simple_evaluate``: lm-eval's command line and its library users both look it up in this module."""
    original: Callable[..., Any] = evaluator.simple_evaluate
    signature = inspect.signature(original)

    @functools.wraps(original)
    def simple_evaluate(*args: Any, **kwargs: Any) -> Any:
        outer = run_context.current()
        command_arguments = outer.command.take_arguments()
        try:
            bound = signature.bind(*args, **kwargs)
            arguments = bound.arguments
            index = _index(arguments)
            request = request_of(arguments, index, remember=outer.remember)
            if request.own_model:
                _resolve_device(arguments, command_arguments)
        except Exception as error:
            if ownership.is_own_model(kwargs.get("model", args[0] if args else None)):
                raise UsageError(f"cannot read the arguments of this evaluation: {error}") from error
            patches.step_aside("cannot read this evaluation's arguments", error)
            return original(*args, **kwargs)
        with run_context.entered(outer.for_evaluation(request)) as context:
            if request.own_model or request.own_tasks:
                _check(context, request, arguments, index)
            announced_by_us = request.own_tasks if request.own_model else ()
            results = None  # lm-eval's command neither prints nor saves None
            with contextlib.suppress(DryRunFinished), result_fields.without_decoding_line(announced_by_us):
                results = original(*bound.args, **bound.kwargs)
            if request.own_model and isinstance(results, dict):  # None on every rank but the first
                tracker = arguments.get("evaluation_tracker")
                result_fields.complete(results, tracker, command_arguments)
                final_summary.record(context, results, tracker)
            return results

    evaluator.simple_evaluate = simple_evaluate


def _check(
    context: RunContext, request: EvaluationRequest, arguments: Mapping[str, Any], index: Mapping[str, Any]
) -> None:
    """Check the evaluation and this machine before lm-eval builds the model."""
    from ssd_harness.harness import preflight  # imported here, so that other evaluations do not load it

    accept_any_text()
    flag_checks.check(request, arguments, index, own_model=request.own_model)
    preflight.run(request, own_model=request.own_model)
    _announce_prompts(request, arguments["model"])
    if not context.dry_run:
        saving.watch(arguments.get("evaluation_tracker"), context.command)
        context.command.evaluates_ours = True


def _announce_prompts(request: EvaluationRequest, model: Any) -> None:
    """Report if an existing model was trained with other prompts; an ``ssd-*`` class reports it when it is built."""
    if not request.own_model:
        from ssd_harness.harness.models import prompt_style

        prompt_style.announce_folder(request, patches.log.warning)
    elif not isinstance(model, str):
        model.under_test.style.announce(patches.log.warning)


def request_of(
    arguments: Mapping[str, Any],
    index: Mapping[str, Any],
    remember: Callable[[Any, Callable[[], Any]], Any] = lambda _, load: load(),
) -> EvaluationRequest:
    """Return the request in ``simple_evaluate``'s arguments.

    ``index`` maps task names to lm-eval's entries; ``remember`` may return third-party tasks loaded before.
    """
    tasks: dict[str, bool] = {}
    third_party: list[Any] = []
    requested = arguments.get("tasks")
    for task in requested if isinstance(requested, list | tuple) else [requested] if requested else []:
        if isinstance(task, str):
            is_ours = {name: ownership.is_own_name(name, index) for name in ownership.leaves(task, index)}
        elif isinstance(task, Mapping):
            name = str(task.get("task") or task.get("group") or "")
            is_ours = {name: ownership.is_own_class(task.get("class")) or ownership.is_own_name(name, index)}
        else:
            is_ours = {str(getattr(task, "task_name", "")): ownership.is_own_class(type(task))}
        tasks |= is_ours
        third_party += [] if all(is_ours.values()) else [task]
    model_args = _as_dict(arguments.get("model_args"))
    metadata = _as_dict(arguments.get("metadata"))
    gen_kwargs = _as_dict(arguments.get("gen_kwargs"))
    return EvaluationRequest(
        tasks=tuple(tasks),
        own_tasks=tuple(name for name, own in tasks.items() if own),
        own_model=ownership.is_own_model(arguments.get("model")),
        model_args=model_args,
        # lm-eval's command line merges both into one dictionary.
        metadata={key: value for key, value in metadata.items() if model_args.get(key, _ABSENT) != value},
        gen_kwargs=gen_kwargs,
        system_instruction=arguments.get("system_instruction") or None,
        apply_chat_template=arguments.get("apply_chat_template", False),
        predict_only=bool(arguments.get("predict_only")),
        limit=arguments.get("limit"),
        samples=dict(samples) if isinstance(samples := arguments.get("samples"), Mapping) else {},
        output_path=getattr(arguments.get("evaluation_tracker"), "output_path", None),
        include_path=_folder(getattr(arguments.get("task_manager"), "include_path", None)),
        third_party=ThirdPartyTasks(
            _manager(arguments, model_args | metadata),
            tuple(third_party),
            {**arguments, "gen_kwargs": gen_kwargs},
            remember,
        ),
    )


_ABSENT = object()


def _resolve_device(arguments: dict[str, Any], command: ParsedArguments | None) -> None:
    """Take the device from the model_args; cuda:0, the default of lm-eval's command line, is nobody's choice."""
    model_args = _as_dict(arguments.get("model_args"))
    if "device" in model_args:
        arguments["device"] = model_args.pop("device")
        arguments["model_args"] = model_args
    elif command and not command.device_given:
        arguments["device"] = None


def _index(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    manager = arguments.get("task_manager")
    if manager is not None:
        return manager.task_index
    from lm_eval.tasks.manager import TaskIndex

    return TaskIndex.build(discovery.task_folders())


def _folder(include_path: Any) -> str | None:
    """Return the single folder that lm-eval's command line takes."""
    folders = include_path if isinstance(include_path, list | tuple) else [include_path]
    return str(folders[0]) if len(folders) == 1 and folders[0] else None


def _manager(arguments: Mapping[str, Any], metadata: Mapping[str, Any]) -> Callable[[], Any]:
    """Return a function that returns the task manager: the caller's, or one as lm-eval would create it."""

    def manager() -> Any:
        from lm_eval.tasks import TaskManager

        return arguments.get("task_manager") or TaskManager(metadata=dict(metadata))

    return manager


def _as_dict(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        from lm_eval.utils import simple_parse_args_string

        return dict(simple_parse_args_string(value))
    return dict(value or {})
