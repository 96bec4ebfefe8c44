"""Capture what an evaluation asks for, and look at the machine before lm-eval builds the model."""

import contextlib
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ssd_harness.errors import UsageError
from ssd_harness.harness import bridge, evaluation_request
from ssd_harness.harness.bridge import (
    closing_lines,
    command_config,
    discovery,
    flags,
    overlap,
    ownership,
    rank_end,
    result_fields,
    sample_seeds,
    saving,
)
from ssd_harness.harness.bridge.command_config import CommandConfig
from ssd_harness.harness.bridge.other_tasks import OtherTasks
from ssd_harness.harness.evaluation_request import EvaluationRequest, Rehearsed
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
    def simple_evaluate(*positional: Any, **named: Any) -> Any:
        command = command_config.take()
        try:
            bound = signature.bind(*positional, **named)
            arguments = bound.arguments
            index = _index(arguments)
            request = request_of(arguments, index)
            own_model = request.own_model
            if own_model:
                _settle_device(arguments, command)
        except Exception as error:
            if ownership.is_own_model(named.get("model", positional[0] if positional else None)):
                raise UsageError(f"cannot read the arguments of this evaluation: {error}") from error
            bridge.step_aside("cannot read this evaluation's arguments", error)
            return original(*positional, **named)
        token = evaluation_request.begin(request)
        try:
            if own_model or request.own_tasks:
                from ssd_harness.harness import preflight  # only now: evaluations that are not about us load none of it

                accept_any_text()
                flags.check(request, arguments, index, own_model=own_model)
                preflight.run(request, own_model=own_model)
                _announce_prompts(request, arguments["model"])
                if not evaluation_request.rehearsal():
                    saving.watch(arguments.get("evaluation_tracker"))
                    rank_end.watch()
            hidden = request.own_tasks if own_model else ()
            results = None  # what lm-eval's command neither prints nor saves
            with (
                contextlib.suppress(Rehearsed),
                discovery.asking(request.tasks),
                result_fields.one_decoding_line(hidden),
            ):
                results = original(*bound.args, **bound.kwargs)
            if own_model and isinstance(results, dict):  # None on every rank but the first
                result_fields.complete(results, arguments.get("evaluation_tracker"), command)
                closing_lines.note(request, results, arguments.get("evaluation_tracker"))
            return results
        finally:
            evaluation_request.end(token)

    evaluator.simple_evaluate = simple_evaluate


def _announce_prompts(request: EvaluationRequest, model: Any) -> None:
    """Tell where a model that exists already was trained in other words; one of ours tells it while it is made."""
    if not request.own_model:
        from ssd_harness.harness.models import prompt_style

        prompt_style.announce_folder(request, bridge.log.warning)
    elif not isinstance(model, str):
        model.subject.style.announce(bridge.log.warning)


def request_of(arguments: Mapping[str, Any], index: Mapping[str, Any]) -> EvaluationRequest:
    """Return the request behind ``simple_evaluate``'s arguments; ``index`` maps task names to lm-eval's entries."""
    tasks: dict[str, bool] = {}
    others: list[Any] = []
    given = arguments.get("tasks")
    for task in given if isinstance(given, list | tuple) else [given] if given else []:
        if isinstance(task, str):
            named = {name: ownership.is_own_name(name, index) for name in ownership.leaves(task, index)}
        elif isinstance(task, Mapping):
            name = str(task.get("task") or task.get("group") or "")
            named = {name: ownership.is_own_class(task.get("class")) or ownership.is_own_name(name, index)}
        else:
            named = {str(getattr(task, "task_name", "")): ownership.is_own_class(type(task))}
        tasks |= named
        others += [] if all(named.values()) else [task]
    model_args = _as_dict(arguments.get("model_args"))
    metadata = _as_dict(arguments.get("metadata"))
    gen_kwargs = _as_dict(arguments.get("gen_kwargs"))
    other_tasks = OtherTasks(
        _manager(arguments, model_args | metadata), tuple(others), {**arguments, "gen_kwargs": gen_kwargs}
    )
    return EvaluationRequest(
        tasks=tuple(tasks),
        own_tasks=tuple(name for name, own in tasks.items() if own),
        own_model=ownership.is_own_model(arguments.get("model")),
        model_args=model_args,
        # lm-eval's command line hands both over in one dictionary.
        metadata={key: value for key, value in metadata.items() if model_args.get(key, _ABSENT) != value},
        gen_kwargs=gen_kwargs,
        system_instruction=arguments.get("system_instruction") or None,
        apply_chat_template=arguments.get("apply_chat_template", False),
        predict_only=bool(arguments.get("predict_only")),
        limit=arguments.get("limit"),
        samples=dict(samples) if isinstance(samples := arguments.get("samples"), Mapping) else {},
        output_path=getattr(arguments.get("evaluation_tracker"), "output_path", None),
        include_path=_folder(getattr(arguments.get("task_manager"), "include_path", None)),
        others=tuple(others),
        texts_of=lambda _: overlap.texts_by_task(other_tasks.loaded()),
        generations_of_others=other_tasks.generations,
    )


_ABSENT = object()


def _settle_device(arguments: dict[str, Any], command: CommandConfig | None) -> None:
    """Let ``device=`` among the model_args decide; the default of lm-eval's command line, cuda:0, is no choice."""
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
    """Return the one folder that lm-eval's command line takes."""
    folders = include_path if isinstance(include_path, list | tuple) else [include_path]
    return str(folders[0]) if len(folders) == 1 and folders[0] else None


def _manager(arguments: Mapping[str, Any], metadata: Mapping[str, Any]) -> Callable[[], Any]:
    """Return what gives the task manager that loads the tasks: the caller's, else one as lm-eval would make it."""

    def manager() -> Any:
        from lm_eval.tasks import TaskManager

        return arguments.get("task_manager") or TaskManager(metadata=dict(metadata))

    return manager


def _as_dict(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        from lm_eval.utils import simple_parse_args_string

        return dict(simple_parse_args_string(value))
    return dict(value or {})
