"""Turn lm-eval's own errors into one line and an exit code, if the command names our models or tasks."""

import argparse
import contextlib
import difflib
import importlib.util
import inspect
import json
import re
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from ssd_harness import crash_log
from ssd_harness.errors import InfrastructureError, SsdError, UsageError
from ssd_harness.printable import first_line

_HELP = "`lm_eval run --help` describes the options"
_UNKNOWN = re.compile(r"(\w+)\.__init__\(\) got an unexpected keyword argument '([^']*)'")
_MODELS, _TASKS = "ssd-", "livecodebench"
"""Prefixes of our models and tasks; a misspelt name still counts as ours."""
_KINDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    **dict.fromkeys(("include_path", "model", "output_path", "use_cache", "verbosity"), ((str,), "a text")),
    "tasks": ((list, str), "a list of names"),
}
"""Types of some options in a --config file; lm-eval lists the mappings itself."""
_FILE_ERRORS = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
"""Errors that a wrong path causes; any other OSError is caused by the machine or the network."""


def expected_cause(error: BaseException | None) -> SsdError | None:
    """Return the expected error that ``error`` is or was raised from; None if there is none."""
    while error is not None and not isinstance(error, SsdError):
        error = error.__cause__
    return error


def concerns_us(words: Sequence[str]) -> bool:
    """Return whether an ``lm_eval`` command line names a model or task that is ours, or misspells one."""
    options = _parsed(words)
    config = _content(options.config)
    listed = config.get("tasks")
    tasks = [*options.tasks, *(listed if isinstance(listed, list) else [listed])]
    models = (options.model, config.get("model"))
    return any(str(model).startswith(_MODELS) for model in models) or any(
        name.startswith(_TASKS) for task in tasks for name in str(task).split(",")
    )


def check_config(words: Sequence[str]) -> None:
    """Raise :class:`UsageError` for a value of the wrong type in a --config file, if the command is about us."""
    path = _parsed(words).config
    if not path or not concerns_us(words):
        return
    from lm_eval.config.evaluate_config import DICT_KEYS

    mapping = ((dict, str), "a mapping")
    kinds = {**_KINDS, **dict.fromkeys(DICT_KEYS, mapping), "cache_requests": ((dict,), "a mapping")}
    for key, value in _content(path).items():
        if key in kinds and value is not None and not isinstance(value, kinds[key][0]):
            what = f"--config: {key} must be {kinds[key][1]}, not {str(value)[:100]!r}"
            raise UsageError(what, where=path, next_step=_HELP)


def expected_error(error: Exception, words: Sequence[str]) -> SsdError | None:
    """Return the error that an exception of lm-eval means for the user; None if the command is not about us.

    Before the evaluation starts, the command line is wrong (exit code 2); later, lm-eval or the machine is (3).
    """
    if not concerns_us(words):
        return None
    if _evaluating(error):
        return crash_log.report(error, list(words), suspects="lm_eval, of the task or of this machine")
    message = first_line(error).rstrip(".")
    if isinstance(error, OSError) and not isinstance(error, _FILE_ERRORS):
        return InfrastructureError(f"lm_eval cannot begin: {message}")
    if unknown := _UNKNOWN.search(message):
        return _unknown_key(*unknown.groups()) or UsageError(f"lm_eval refuses the command: {message}")
    if message.startswith("Invalid JSON"):
        return UsageError(f"{_option_of_broken_json(words)}: not valid JSON", next_step="put keys and texts in quotes")
    return _missing_tracker(words) or UsageError(f"lm_eval refuses the command: {message}", next_step=_HELP)


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    """Parse the options that name models and tasks; empty if lm-eval's parser refuses them, too."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--model", "-M", default="")
    parser.add_argument("--tasks", "-t", nargs="+", default=[])
    parser.add_argument("--config", "-C")
    try:
        return parser.parse_known_args(words)[0]
    except argparse.ArgumentError:
        return parser.parse_args([])


def _content(config: str | None) -> Mapping[str, Any]:
    """Return the options in a --config file; empty if lm-eval refuses it."""
    from lm_eval.config.evaluate_config import EvaluatorConfig

    with contextlib.suppress(Exception):
        return EvaluatorConfig.load_yaml_config(config) if config else {}
    return {}


def _evaluating(error: BaseException) -> bool:
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(
        frame.f_code.co_name == "simple_evaluate" and frame.f_globals.get("__name__") == "lm_eval.evaluator"
        for frame in frames
    )


def _unknown_key(owner: str, key: str) -> UsageError | None:
    from lm_eval.config.evaluate_config import EvaluatorConfig
    from lm_eval.loggers import EvaluationTracker

    options = {
        "EvaluatorConfig": ("--config", EvaluatorConfig),
        "EvaluationTracker": ("--hf_hub_log_args", EvaluationTracker),
    }
    if owner not in options:
        return None
    option, target = options[owner]
    names = sorted(inspect.signature(target).parameters)
    near = difflib.get_close_matches(key, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"choose from: {', '.join(names)}"
    return UsageError(f"{option} has no key {key!r}", next_step=hint)


def _option_of_broken_json(words: Sequence[str]) -> str:
    option = "an option"
    for word in words:
        if word.startswith("--"):
            option, _, word = word.partition("=")  # noqa: PLW2901 - the value may follow the equals sign
        if "{" in word:
            try:
                json.loads(word)
            except ValueError:
                return option
    return option


def _missing_tracker(words: Sequence[str]) -> UsageError | None:
    for package in ("trackio", "wandb"):
        option = f"--{package}_args"
        if any(word.startswith(option) for word in words) and not _is_installed(package):
            return UsageError(
                f"{option}: {package} is not installed", next_step=f"pip install {package}, or leave it out"
            )
    return None


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:
        return False
