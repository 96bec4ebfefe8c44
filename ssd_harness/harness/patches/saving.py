"""Check that lm-eval's result files are written, because lm-eval only logs a failure and exits with success.

Each file is checked after lm-eval's ``EvaluationTracker`` has written it. Calls to the Hub go through a recorder.
"""

import functools
import inspect
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ssd_harness.errors import InfrastructureError
from ssd_harness.harness.run_context import Command

_END_OF_RESULTS = b"\n}"
"""The end of a complete results file; lm-eval indents its results, so this occurs nowhere else."""
_PROBE_BYTES = 1 << 20


def watch(tracker: Any, command: Command) -> None:
    """Check what lm-eval's tracker (None for no tracker) saves, and keep the first failure in ``command``."""
    if getattr(tracker, "output_path", None) is None:
        return
    hub_errors: list[Exception] = []
    if getattr(tracker, "api", None) is not None:
        tracker.api = _RecordedApi(tracker.api, hub_errors)
    for name, check in (("save_results_aggregated", _check_results), ("save_results_samples", _check_samples)):
        if save := getattr(tracker, name, None):
            setattr(tracker, name, _checked(tracker, save, check, command, hub_errors))


def _checked(
    tracker: Any, save: Any, check: Callable[..., str | None], command: Command, hub_errors: list[Exception]
) -> Any:
    signature = inspect.signature(save)

    @functools.wraps(save)
    def checked_save(*args: Any, **kwargs: Any) -> Any:
        date_before = getattr(tracker, "date_id", None)
        result = save(*args, **kwargs)
        failure = check(tracker, date_before, signature.bind(*args, **kwargs).arguments)
        what = "write its results" if failure else "push its results to the Hub"
        failure = failure or next((f"{type(error).__name__}: {error}" for error in hub_errors), None)
        if failure and command.save_error is None:
            command.save_error = InfrastructureError(
                f"lm_eval could not {what}: {failure}",
                where=tracker.output_path,
                next_step="free space or choose another --output_path and run the same command again "
                "(verdicts, and the samples of an ssd model, are kept)",
            )
        return result

    return checked_save


class _RecordedApi:
    """The Hub's API; records the errors of its methods, which lm-eval only logs."""

    def __init__(self, api: Any, errors: list[Exception]) -> None:
        self._api, self._errors = api, errors

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._api, name)
        return self._recorded(member) if callable(member) else member

    def _recorded(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return method(*args, **kwargs)
            except Exception as error:
                self._errors.append(error)
                raise

        return call


def _check_results(tracker: Any, date_before: str | None, _arguments: dict[str, Any]) -> str | None:
    """Return why the results are not written, None if they are."""
    path, date = Path(tracker.output_path), getattr(tracker, "date_id", None)
    if date == date_before:  # lm-eval chooses a new one right before it writes
        return _reason(_folder(tracker) / "results")
    name = f"{path.stem}_{date}.json" if path.suffix == ".json" else f"results_{date}.json"
    file = _folder(tracker) / name
    if file.is_file():
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - len(_END_OF_RESULTS)))
            if stream.read() == _END_OF_RESULTS:
                return None
    return _reason(file)


def _check_samples(tracker: Any, _date_before: str | None, arguments: dict[str, Any]) -> str | None:
    """Return why the samples of a task are not written, None if they are: one line for each."""
    file = _folder(tracker) / f"samples_{arguments['task_name']}_{getattr(tracker, 'date_id', None)}.jsonl"
    if file.is_file():
        with file.open("rb") as stream:
            lines = sum(block.count(b"\n") for block in iter(lambda: stream.read(_PROBE_BYTES), b""))
        if lines >= len(arguments["samples"]):
            return None
    return _reason(file)


def _folder(tracker: Any) -> Path:
    """Return the folder that lm-eval writes into; of an --output_path that ends in .json it takes the parent."""
    path = Path(tracker.output_path)
    name = tracker.general_config_tracker.model_name_sanitized
    return path.parent if path.suffix == ".json" else path / str(name)


def _reason(file: Path) -> str:
    """Return why nothing more can be written to ``file``, by trying."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") if file.exists() else tempfile.TemporaryFile(dir=file.parent) as stream:
            size = stream.tell()
            stream.write(bytes(_PROBE_BYTES))
            stream.flush()
            stream.truncate(size)
    except OSError as error:
        return error.strerror or type(error).__name__
    return "its log above says why"
