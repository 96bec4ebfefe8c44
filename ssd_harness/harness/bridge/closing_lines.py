"""Say after lm-eval's table what was evaluated and how, where its files are, and which command compares it."""

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_harness.harness import bridge
from ssd_harness.harness.evaluation_request import EvaluationRequest
from ssd_harness.printable import escaped

_DECODING = {"temperature": "temperature", "top_k": "top_k", "top_p": "top_p", "max_new_tokens": "max_gen_toks"}


@dataclass(frozen=True, slots=True)
class _Ended:
    request: EvaluationRequest
    about: Mapping[str, Any]
    """What our model class says about itself in the results."""
    tracker: Any
    logged: bool
    """Whether lm-eval was asked for the samples."""


_ended: list[_Ended] = []


def note(request: EvaluationRequest, results: Mapping[str, Any], tracker: Any) -> None:
    """Remember an evaluation of a model of ours; ``tracker`` is what lm-eval saves its results by."""
    about = results["config"].get("ssd")
    if isinstance(about, Mapping):
        _ended[:] = [_Ended(request, about, tracker, "samples" in results)]


def show() -> None:
    """Print the lines about the evaluation that has ended in this process, if it was one of ours."""
    ended = _ended.pop() if _ended else None
    if ended is None:
        return
    sys.stdout.flush()
    try:
        for line in _lines(ended):
            print(f"ssd-harness: {escaped(line)}", file=sys.stderr)
    except Exception as error:  # noqa: BLE001 - the evaluation is done, and its results are written
        bridge.step_aside("cannot say where the results are", error)


def _lines(ended: _Ended) -> Iterator[str]:
    yield _model(ended.about)
    yield from _decodings(ended.about)
    output = ended.request.output_path
    if not output:
        yield "no file was written: --output_path OUT --log_samples writes them, quickly if the same command runs again"
        return
    files = _files(Path(output), str(getattr(ended.tracker, "date_id", "")))
    yield f"results: {', '.join(map(str, files))}"
    if not ended.logged:
        yield "no samples were written, which a comparison needs: add --log_samples"
        return
    for task in ended.request.own_tasks:
        samples = next((file for file in files if file.name.startswith(f"samples_{task}_")), None)
        if samples:
            yield from _judge(ended, task, samples) if ended.request.predict_only else _compare(ended, output, samples)


def _model(about: Mapping[str, Any]) -> str:
    from ssd_harness.artifacts import registry

    name = about.get("checkpoint")
    checkpoint = registry.lookup(str(name)) if name else None
    if checkpoint:
        return f"checkpoint: ssd:{checkpoint.name} in {checkpoint.path}"
    return f"evaluated: {about.get('model')}, as it is"


def _decodings(about: Mapping[str, Any]) -> Iterator[str]:
    by_line: dict[str, list[str]] = {}
    for task, decoding in about["generations"]["decoding"].items():
        values = {shown: decoding[name] for name, shown in _DECODING.items()}
        words = ", ".join(f"{name} {'none' if value is None else value}" for name, value in values.items())
        by_line.setdefault(words, []).append(task)
    for words, tasks in by_line.items():
        yield f"decoding of {', '.join(tasks)}: {words}"


def _files(output: Path, date: str) -> list[Path]:
    """Return what lm-eval has just written: all names hold the same date."""
    folder = output.parent if output.suffix == ".json" else output
    return sorted(file for file in folder.rglob(f"*_{date}.json*") if file.is_file()) if date else []


def _compare(ended: _Ended, output: str, samples: Path) -> Iterator[str]:
    from ssd_harness.harness.files.run_partner import partner_of

    folder = Path(output).parent if output.endswith(".json") else Path(output)
    partner = partner_of(samples, folder)
    is_base = not ended.about.get("fingerprint")
    if partner:
        base, ssd = (samples, partner) if is_base else (partner, samples)
        yield f"compare: {shlex.join(['ssd-harness', 'compare', f'base={base}', f'ssd={ssd}'])}"
        return
    word = "base" if is_base else "ssd"
    yield f"intervals: {shlex.join(['ssd-harness', 'compare', f'{word}={samples}'])}"
    if command := _other_command(ended, is_base=is_base):
        other = "SSD of it" if is_base else "the base"
        yield f"to compare with {other}, next: {shlex.join(command)}"


def _judge(ended: _Ended, task: str, samples: Path) -> Iterator[str]:
    yield f"nothing is judged yet; next: {shlex.join(_score_words(ended, task, samples))}"


def _score_words(ended: _Ended, task: str, samples: Path) -> list[str]:
    from ssd_harness.livecodebench.task_names import selection_of

    asked = {name: ended.request.metadata.get(name) for name in ("release", "window")}
    selection = selection_of(task, **asked)
    chosen = ["--release", selection.release, "--window", selection.window.name] if selection else []
    judge = ended.request.metadata.get("judge")
    chosen += ["--judge", str(judge)] if judge else []
    return ["ssd-harness", "score", str(samples), *chosen, "--out", str(samples.parent / f"scored_{task}")]


def _other_command(ended: _Ended, *, is_base: bool) -> list[str] | None:
    """Return this command with the other kind of model; None where its options are not in the command line."""
    words = list(sys.argv[1:])
    place = next((n for n, word in enumerate(words) if word.partition("=")[0] in {"--model_args", "-a"}), None)
    base = ended.about.get("base")
    name = base.get("name") if isinstance(base, Mapping) else None
    if place is None or not isinstance(name, str):
        return None
    given = {key: value for key, value in ended.request.model_args.items() if key not in {"rounds", "name"}}
    given["pretrained"] = name
    if not is_base:
        given["rounds"] = 0
    if any(sign in str(value) for value in given.values() for sign in ",={}[]"):
        return None
    written = ",".join(f"{key}={value}" for key, value in given.items())
    end = place + 1
    if "=" not in words[place]:
        while end < len(words) and not words[end].startswith("-"):
            end += 1
    words[place:end] = ["--model_args", written]
    return [*(["ssd-harness", "eval"] if os.environ.get("SSD_HARNESS_NO_HOOK") else ["lm_eval"]), *words]
