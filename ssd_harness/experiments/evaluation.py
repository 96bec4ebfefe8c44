"""Evaluations by lm_eval's own command line, in a process of their own, each kept in a folder of its own."""

import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from ssd_harness import storage
from ssd_harness.distill.stage_process import last_line, without_ranks
from ssd_harness.engines.choice import SAMPLERS
from ssd_harness.errors import UsageError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import RECIPE_ENGINE, Sampler
from ssd_harness.harness import evaluation_session
from ssd_harness.harness.evaluation_session import LOG
from ssd_harness.harness.result_files.runs import model_info_of, newest_results, results_files
from ssd_harness.recipe.definition import Recipe
from ssd_harness.results.run_notes import notes_of
from ssd_harness.supervisor import supervised

DEFAULT = "default"
"""Stands for a value of the decoding that a third-party task leaves to the model and its class."""
Decoded = tuple[float, int | str | None, float | str]
"""Temperature, top-k and top-p, as the results record them."""
_DONE = "evaluation.json"


@dataclass(frozen=True, slots=True)
class ModelClass:
    """The name of an lm-eval model class, and its arguments besides the recipe fields."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What to evaluate on which task, and where its results are kept."""

    folder: Path
    model: str
    """lm-eval's name of the model class."""
    model_args: Mapping[str, Any]
    task: str
    limit: int | None = None
    """Evaluate only this number of problems, from the first one."""
    repeats: int | None = None
    """Programs per problem; None means the task's own number."""
    gen_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Decoding that replaces a third-party task's own; LiveCodeBench tasks use the recipe's."""
    options: Sequence[str] = ()
    """More words for the command line (:func:`task_options`)."""

    @property
    def words(self) -> list[str]:
        """lm_eval's arguments."""
        arguments = dict(self.model_args)
        # lm-eval hands its own batch size to the class beside the model_args, which must not name another one.
        batch = arguments.pop("batch_size", None)
        words = ["--model", self.model, "--model_args", _model_args(arguments), "--tasks", self.task]
        words += ["--output_path", str(self.folder), "--log_samples"]
        words += ["--batch_size", str(batch)] if batch else []
        words += ["--limit", str(self.limit)] if self.limit else []
        words += self.options
        words += ["--gen_kwargs", _model_args(self.gen_kwargs)] if self.gen_kwargs else []
        return words + (["--metadata", json.dumps({"repeats": self.repeats})] if self.repeats else [])

    @property
    def done(self) -> bool:
        """Whether its results are there, whole."""
        return (self.folder / _DONE).exists()


@dataclass(frozen=True, slots=True)
class Finished:
    """How one evaluation ended; ``error`` is one line, None if all went well."""

    evaluation: Evaluation
    error: str | None
    seconds: float


def model_class(recipe: Recipe, arguments: Mapping[str, Any] | None = None) -> ModelClass:
    """Return the lm-eval model class that the recipe's sampler declares.

    Raises :class:`UsageError` if no installed distribution provides that class.
    """
    declared = plugin_manager.lookup(Sampler, recipe.sampler).model_class
    if declared == RECIPE_ENGINE:
        return ModelClass(f"ssd-{SAMPLERS[recipe.engine]}", {"engine": recipe.engine, **(arguments or {})})
    if declared not in {entry.name for entry in entry_points(group="lm_eval.models")}:
        raise UsageError(
            f"the sampler {recipe.sampler!r} names the model class {declared!r}, which is not installed",
            next_step="install its plugin, or choose another sampler=",
        )
    return ModelClass(declared, arguments or {})


def task_options(include_path: str | None, *, apply_chat_template: bool | str = False) -> list[str]:
    """Return the lm_eval options for a folder with tasks of the user, and for the chat template."""
    words = ["--include_path", str(Path(include_path).absolute())] if include_path else []
    template = [apply_chat_template] if isinstance(apply_chat_template, str) else []
    return [*words, *(["--apply_chat_template", *template] if apply_chat_template else [])]


def short_hash(*parts: Any) -> str:
    """Return an eight-digit hash of JSON values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]


def evaluate(evaluations: Sequence[Evaluation]) -> Iterator[Finished]:
    """Run the unfinished evaluations one after the other in one process, and yield each when it ends.

    A failed evaluation does not stop the others. If the whole process dies, the evaluation that was running has failed,
    and a new process runs the remaining ones.
    """
    unfinished = [evaluation for evaluation in evaluations if not evaluation.done]
    while unfinished:
        # Engines other than transformers do not reliably free their memory before the process ends.
        shared = unfinished if unfinished[0].model == "ssd-hf" else unfinished[:1]
        for finished in _session(list(shared)):
            unfinished.remove(finished.evaluation)
            yield finished


def _session(evaluations: Sequence[Evaluation]) -> Iterator[Finished]:
    """Run the evaluations in one process and yield them as they end; if the process dies, the last one has failed."""
    for evaluation in evaluations:
        with storage.disk_errors(evaluation.folder):
            shutil.rmtree(evaluation.folder, ignore_errors=True)  # an earlier attempt that did not finish
            evaluation.folder.mkdir(parents=True)
    jobs = [{"folder": str(evaluation.folder), "words": evaluation.words} for evaluation in evaluations]
    waiting = {str(evaluation.folder): evaluation for evaluation in evaluations}
    command = supervised([sys.executable, "-P", "-m", evaluation_session.__name__])
    log = evaluations[0].folder / LOG
    started = time.monotonic()
    with (
        log.open("ab") as stream,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stream, env=without_ranks(), encoding="utf-8"
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(json.dumps(jobs))
            process.stdin.close()
            for line in process.stdout:
                report = json.loads(line)
                evaluation = waiting.pop(report["folder"])
                seconds, started = time.monotonic() - started, time.monotonic()
                error = _error(evaluation, report)
                if error is None:
                    storage.write_json(
                        evaluation.folder / _DONE, {"arguments": evaluation.words, "seconds": round(seconds, 1)}
                    )
                yield Finished(evaluation, error, seconds)
        except BaseException:
            process.terminate()
            raise
    if waiting:
        evaluation = next(iter(waiting.values()))
        how = f"ended by signal {-process.returncode}" if process.returncode < 0 else f"exit {process.returncode}"
        last = last_line(evaluation.folder / LOG) if (evaluation.folder / LOG).exists() else "nothing in the log"
        yield Finished(evaluation, f"lm_eval died ({how}): {last}", time.monotonic() - started)


def _error(evaluation: Evaluation, report: Mapping[str, Any]) -> str | None:
    log = evaluation.folder / LOG
    if report["exit_code"]:
        return " ".join(str(report["message"]).split()) or last_line(log) or f"exit {report['exit_code']}"
    if not results_files(evaluation.folder):
        return f"lm_eval left no results: {last_line(log)}"
    return None


def read_metrics(evaluation: Evaluation) -> dict[str, tuple[float, float | None]]:
    """Return value and standard error of each metric of a finished evaluation, by name without lm-eval's filter."""
    results = newest_results(evaluation.folder).get("results") or {}
    task_results = results.get(evaluation.task, next(iter(results.values()), {}))
    metrics: dict[str, tuple[float, float | None]] = {}
    for key, value in task_results.items():
        name, _, filtered = key.partition(",")
        if name.endswith("_stderr") or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        error = task_results.get(f"{name}_stderr,{filtered}")
        metrics.setdefault(name, (float(value), float(error) if isinstance(error, int | float) else None))
    metrics.pop("sample_len", None)
    return metrics


def _model_args(fields: Mapping[str, Any]) -> str:
    """Return model_args as users write them, or as JSON if a value contains a separator or a quote."""
    words = {name: "none" if value is None else str(value) for name, value in fields.items()}
    if any(sign in word for word in words.values() for sign in ",={}'\""):
        return json.dumps(dict(fields))
    return ",".join(f"{name}={word}" for name, word in words.items())


def read_decoding(evaluation: Evaluation) -> Decoded | None:
    """Return the temperature, top-k and top-p with which a finished evaluation drew its generations.

    None if a third-party task sets no temperature or generates nothing.
    """
    results = newest_results(evaluation.folder)
    if own := (model_info_of(results) or {}).get("generations", {}).get("decoding", {}).get(evaluation.task):
        return own["temperature"], own["top_k"], own["top_p"]
    configs = results.get("configs", {})
    # A group has no configuration itself; a decoding that the sweep sets is the same in all of its tasks.
    config: dict[str, Any] = configs.get(evaluation.task) or next(iter(configs.values()), {})
    decoding = config.get("generation_kwargs") or {}
    if decoding.get("do_sample") is False:
        return 0.0, None, 1.0
    if "temperature" not in decoding:
        return None
    return decoding["temperature"], decoding.get("top_k", DEFAULT) or None, decoding.get("top_p", DEFAULT)


def read_rounds(evaluation: Evaluation) -> int | None:
    """Return how many rounds made the evaluated checkpoint, if the results say so."""
    rounds = (model_info_of(newest_results(evaluation.folder)) or {}).get("rounds")
    return len(rounds) if rounds else None


def read_official(evaluation: Evaluation) -> bool:
    """Return whether a finished evaluation used LiveCodeBench's data as published, or another task's."""
    return notes_of(newest_results(evaluation.folder), evaluation.task).official
