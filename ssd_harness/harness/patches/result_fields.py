"""Write what was evaluated into the fields of lm-eval's results that other tools read."""

import functools
import inspect
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ssd_harness.harness import ownership, patches
from ssd_harness.harness.run_context import ParsedArguments

_FILTER = "none"
_PRETRAINED = re.compile(r"(^|,)pretrained=[^,]*")


def wrap_evaluate(evaluator: Any) -> None:
    """Wrap ``evaluate``, which has the loaded tasks: they know standard errors and marks that lm-eval does not."""
    original: Callable[..., Any] = evaluator.evaluate
    signature = inspect.signature(original)

    @functools.wraps(original)
    def evaluate(*args: Any, **kwargs: Any) -> Any:
        results = original(*args, **kwargs)
        if results is not None:  # None on every rank but the first
            try:
                tasks = ownership.flat_tasks(signature.bind(*args, **kwargs).arguments["task_dict"])
                _add_errors(results["results"], tasks)
                _add_marks(results, tasks)
            except Exception as error:  # noqa: BLE001 - the figures themselves are there
                patches.step_aside("cannot complete the results", error)
        return results

    evaluator.evaluate = evaluate


def complete(results: dict[str, Any], tracker: Any, command: ParsedArguments | None = None) -> None:
    """Set lm-eval's fields to the model, decoding and device that were used.

    Converters take the model from ``model_name`` and ``model_args.pretrained``, and lm-eval names the output folder
    after it, but an SSD checkpoint is not its base. What the user gave stays in ``config.ssd``. lm-eval prints its last
    lines from ``command``, which gets the same values.
    """
    config = results["config"]
    about = config.get("ssd")
    if not isinstance(about, Mapping):
        return
    config["ssd"] = about = dict(about)
    device = about.get("device")
    if isinstance(device, Mapping):
        config["device"] = device.get("used")
    decoding = _decoding(results.get("configs") or {}, (about.get("generations") or {}).get("decoding") or {})
    if decoding is not None:
        about["gen_kwargs"] = config.get("gen_kwargs")
        config["gen_kwargs"] = decoding
    if name := evaluated_name(about):
        about |= {"model": name, "model_args": config.get("model_args")}
        config["model_args"] = _with_pretrained(config.get("model_args"), name)
        general = getattr(tracker, "general_config_tracker", None)
        if general is not None:
            from lm_eval.utils import sanitize_model_name

            general.model_name, general.model_name_sanitized = name, sanitize_model_name(name)
    if command:
        for field in ("model_args", "gen_kwargs"):
            if isinstance(config.get(field), dict):
                setattr(command.config, field, dict(config[field]))


def _decoding(configs: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the ``generation_kwargs`` that all tasks share; None unless our model generated for all of them."""
    used = [config.get("generation_kwargs") or {} for name, config in configs.items() if name in own]
    if not used or len(used) < len(configs):
        return None
    first, *others = used
    return {field: value for field, value in first.items() if all(other.get(field) == value for other in others)}


def evaluated_name(about: Mapping[str, Any]) -> str | None:
    """Return ``ssd:NAME`` for a registered checkpoint, or the name of a base model; None if neither is recorded."""
    if checkpoint := about.get("checkpoint"):
        return f"ssd:{checkpoint}"
    base = about.get("base")
    name = base.get("name") if isinstance(base, Mapping) else None
    return name if isinstance(name, str) and name else None


@contextmanager
def without_decoding_line(own_tasks: tuple[str, ...]) -> Iterator[None]:
    """Silence lm-eval's line about a task's generation_kwargs: our model overrides them and reports its own."""
    prefixes = tuple(f"{task}: Using gen_kwargs" for task in own_tasks)

    def keep(record: logging.LogRecord) -> bool:
        return not (prefixes and record.getMessage().startswith(prefixes))

    logger = logging.getLogger("lm_eval.evaluator")
    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)


def _add_errors(figures: dict[str, Any], tasks: Mapping[str, Any]) -> None:
    for name, task in tasks.items():
        errors = getattr(task, "standard_errors", None)
        if errors is None or name not in figures:
            continue
        for metric, error in errors().items():
            if f"{metric},{_FILTER}" in figures[name]:
                figures[name][f"{metric}_stderr,{_FILTER}"] = "N/A" if error is None else error


def _add_marks(results: Mapping[str, Any], tasks: Mapping[str, Any]) -> None:
    """Add the mark of a task's data to its name, and to the names of its groups, in lm-eval's tables."""
    marks = {name: mark for name, task in tasks.items() if (mark := getattr(task, "mark", None))}
    members = results.get("group_subtasks") or {}

    def mark_of(name: str) -> str | None:
        return marks.get(name) or next((mark for member in members.get(name) or () if (mark := mark_of(member))), None)

    marked = {id(row): (name, row) for part in ("results", "groups") for name, row in results.get(part, {}).items()}
    for name, row in marked.values():
        if mark := mark_of(name):
            row["alias"] = f"{row.get('alias', name)} ({mark})"


def _with_pretrained(model_args: Any, name: str) -> Any:
    if isinstance(model_args, str):
        if "pretrained=" not in model_args:
            return model_args
        return _PRETRAINED.sub(lambda match: f"{match[1]}pretrained={name}", model_args)
    return {**model_args, "pretrained": name} if isinstance(model_args, Mapping) else model_args
