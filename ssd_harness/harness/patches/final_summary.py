"""Print after lm-eval's table what was evaluated, where the files are, and the command for a comparison."""

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ssd_harness.harness import patches
from ssd_harness.harness.run_context import FinishedEvaluation, RunContext
from ssd_harness.printable import escaped

_DECODING = {"temperature": "temperature", "top_k": "top_k", "top_p": "top_p", "max_new_tokens": "max_gen_toks"}


def record(context: RunContext, results: Mapping[str, Any], tracker: Any) -> None:
    """Record the evaluation of an ``ssd-*`` model for the summary; lm-eval saves its results through ``tracker``."""
    model_info = results["config"].get("ssd")
    if context.request and isinstance(model_info, Mapping):
        context.command.finished = FinishedEvaluation(context.request, model_info, tracker, "samples" in results)


def show(finished: FinishedEvaluation | None) -> None:
    """Print the summary of the evaluation that this command ran, if its model is ours."""
    if finished is None:
        return
    sys.stdout.flush()
    try:
        for line in _lines(finished):
            print(f"ssd-harness: {escaped(line)}", file=sys.stderr)
    except Exception as error:  # noqa: BLE001 - the evaluation is done, and its results are written
        patches.step_aside("cannot summarize the evaluation", error)


def _lines(finished: FinishedEvaluation) -> Iterator[str]:
    from ssd_harness.harness.result_files.runs import files_of_date

    yield _model(finished.model_info)
    yield from _decodings(finished.model_info)
    output = finished.request.output_path
    if not output:
        yield "no file was written: --output_path OUT --log_samples writes them, quickly if the same command runs again"
        return
    files = files_of_date(Path(output), str(getattr(finished.tracker, "date_id", "")))
    yield f"results: {', '.join(map(str, files))}"
    if not finished.samples_logged:
        yield "no samples were written, which a comparison needs: add --log_samples"
        return
    for task in finished.request.own_tasks:
        samples = next((file for file in files if file.name.startswith(f"samples_{task}_")), None)
        if samples:
            yield from (
                _judge(finished, task, samples)
                if finished.request.predict_only
                else _compare(finished, output, samples)
            )


def _model(model_info: Mapping[str, Any]) -> str:
    from ssd_harness.artifacts import registry

    name = model_info.get("checkpoint")
    checkpoint = registry.lookup(str(name)) if name else None
    if checkpoint:
        return f"checkpoint: ssd:{checkpoint.name} in {checkpoint.path}"
    return f"evaluated: {model_info.get('model')}, as it is"


def _decodings(model_info: Mapping[str, Any]) -> Iterator[str]:
    by_line: dict[str, list[str]] = {}
    for task, decoding in model_info["generations"]["decoding"].items():
        values = {shown: decoding[name] for name, shown in _DECODING.items()}
        words = ", ".join(f"{name} {'none' if value is None else value}" for name, value in values.items())
        by_line.setdefault(words, []).append(task)
    for words, tasks in by_line.items():
        yield f"decoding of {', '.join(tasks)}: {words}"


def _compare(finished: FinishedEvaluation, output: str, samples: Path) -> Iterator[str]:
    from ssd_harness.harness.result_files.run_partner import partner_of

    folder = Path(output).parent if output.endswith(".json") else Path(output)
    partner = partner_of(samples, folder)
    is_base = not finished.model_info.get("fingerprint")
    if partner:
        base, ssd = (samples, partner) if is_base else (partner, samples)
        yield f"compare: {shlex.join(['ssd-harness', 'compare', f'base={base}', f'ssd={ssd}'])}"
        return
    word = "base" if is_base else "ssd"
    yield f"intervals: {shlex.join(['ssd-harness', 'compare', f'{word}={samples}'])}"
    if command := _other_command(finished, is_base=is_base):
        other = "SSD" if is_base else "the base"
        yield f"to compare with {other}, next: {shlex.join(command)}"


def _judge(finished: FinishedEvaluation, task: str, samples: Path) -> Iterator[str]:
    yield f"nothing is judged yet; next: {shlex.join(_score_words(finished, task, samples))}"


def _score_words(finished: FinishedEvaluation, task: str, samples: Path) -> list[str]:
    from ssd_harness.harness.task.task_names import selection_of

    selectors = {name: finished.request.metadata.get(name) for name in ("release", "window")}
    selection = selection_of(task, **selectors)
    chosen = ["--release", selection.release, "--window", selection.window.name] if selection else []
    judge = finished.request.metadata.get("judge")
    chosen += ["--judge", str(judge)] if judge else []
    return ["ssd-harness", "score", str(samples), *chosen, "--out", str(samples.parent / f"scored_{task}")]


def _other_command(finished: FinishedEvaluation, *, is_base: bool) -> list[str] | None:
    """Return this command for the other kind of model; None if its model_args are not on the command line."""
    words = list(sys.argv[1:])
    place = next((n for n, word in enumerate(words) if word.partition("=")[0] in {"--model_args", "-a"}), None)
    base = finished.model_info.get("base")
    name = base.get("name") if isinstance(base, Mapping) else None
    if place is None or not isinstance(name, str):
        return None
    model_args = {key: value for key, value in finished.request.model_args.items() if key not in {"rounds", "name"}}
    model_args["pretrained"] = name
    if not is_base:
        model_args["rounds"] = 0
    if any(sign in str(value) for value in model_args.values() for sign in ",={}[]"):
        return None
    written = ",".join(f"{key}={value}" for key, value in model_args.items())
    end = place + 1
    if "=" not in words[place]:
        while end < len(words) and not words[end].startswith("-"):
            end += 1
    words[place:end] = ["--model_args", written]
    return [*(["ssd-harness", "eval"] if os.environ.get("SSD_HARNESS_NO_HOOK") else ["lm_eval"]), *words]
