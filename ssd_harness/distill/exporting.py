"""Export a run's samples in the formats of other trainers."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ssd_harness import foreign_json, storage
from ssd_harness.artifacts import former_layout, registry, shards
from ssd_harness.artifacts.checkpoint_manifest import complaint
from ssd_harness.artifacts.layout import KEPT, PLAN_FILE, artifacts_of, training_folder, training_folders
from ssd_harness.distill.filtering import Candidates
from ssd_harness.distill.job import Job, read_job
from ssd_harness.distill.training_row import training_row
from ssd_harness.errors import UsageError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Exporter
from ssd_harness.extensions.contracts import Candidate, SampleExporter
from ssd_harness.recipe.definition import Recipe

_DRAW = "run ssd-harness distill MODEL --until samples with the same fields: what is here is not drawn again"

LOSS_NOTE = "take the loss on the assistant's last turn alone, as the built-in trainer does"
TEXT_NOTE = (
    "text loses what the sampler drew: special tokens are left out, and another tool's template and tokenizer may "
    "split the words otherwise; --format ids has the very tokens"
)
CUT_NOTE = (
    "{count:,} of {rows:,} samples were cut at max_new_tokens_train and have no EOS; a trainer that ends every turn "
    "with one teaches the model to stop there: leave them out with --drop-truncated, or use --format ids"
)


@dataclass(frozen=True, slots=True)
class Run:
    """A run whose samples are drawn and filtered."""

    folder: Path
    job: Job
    """The filter stage's; its ``samples`` are the raw ones."""
    kept: Path
    """Folder of the samples that the filter kept."""
    about: Mapping[str, Any]

    def candidates(self, *, unfiltered: bool = False) -> Iterable[Candidate]:
        """Return the kept samples with their prompts, or the raw ones."""
        job = self.job if unfiltered else replace(self.job, samples=self.kept)
        assert job.samples
        return Candidates(job, range(shards.read_manifest(job.samples)["shards"]))


def find_run(word: str) -> Run:
    """Find a run by the start of its fingerprint, by ``ssd:NAME`` of its checkpoint, or by its folder.

    Raises :class:`UsageError` if there is none, or its samples are not all drawn and filtered.
    """
    folder = _run_folder(word)
    about = _read_about(folder / PLAN_FILE)
    kept = artifacts_of(about).get(KEPT)
    if kept is None or not shards.has_manifest(kept):
        raise UsageError("this run has no finished samples", where=folder, next_step=_DRAW)
    job = read_job(kept)
    if not job.prompts.is_file():
        what = "the prompts of this run are gone, and its samples mean nothing without them"
        raise UsageError(what, where=job.prompts, next_step=_DRAW)
    return Run(folder, job, kept, about)


def _read_about(path: Path) -> dict[str, Any]:
    """Return a run's plan, which has the shape of a checkpoint's manifest."""
    try:
        about = foreign_json.read(path, text_only=True)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the plan of this run: {error}", where=path) from error
    if reason := complaint(about):
        raise UsageError(f"invalid plan of a run: {reason}", where=path)
    return dict(about)


def export(
    run: Run, form: str, path: Path, *, unfiltered: bool = False, drop_truncated: bool = False
) -> tuple[int, list[str]]:
    """Write the run's samples to ``path`` in the format ``form``; return their number and notes for the user.

    The file ``NAME.about.json`` beside it records the run, and the entry for LLaMA-Factory's ``dataset_info.json``.
    """
    if path.is_dir():
        raise UsageError("this is a folder", where=path, next_step=f"give a file, such as {path / 'samples.jsonl'}")
    exporter = plugin_manager.lookup(Exporter, form)
    counts: Counter[str] = Counter()

    def chosen() -> Iterator[Candidate]:
        for candidate in run.candidates(unfiltered=unfiltered):
            cut = candidate.sample.stop == "length"
            counts["cut"] += cut
            if not (cut and drop_truncated):
                counts["rows"] += 1
                yield candidate

    written = exporter.factory(run.job.recipe)(chosen(), path)
    rows = counts["rows"] if written is None else written
    notes = [LOSS_NOTE, TEXT_NOTE] if exporter.text else []
    if exporter.text and counts["cut"] and not drop_truncated:
        notes.append(CUT_NOTE.format(count=counts["cut"], rows=counts["rows"]))
    if exporter.text and run.job.recipe.prompt_format == "raw":
        notes.append("these samples were drawn from raw text, without a chat template (prompt_format=raw)")
    if rows < counts["rows"]:
        notes.append(f"{counts['rows'] - rows:,} samples left nothing to train on within max_length_train")
    if run.about.get("variant") == registry.VERIFIED:
        notes.append(f"{registry.VERIFIED}: these samples were chosen by what their programs do")
    about = {"format": form, "rows": rows, "truncated": counts["cut"], "notes": notes, "run": dict(run.about)}
    about |= {"unfiltered": unfiltered, "drop_truncated": drop_truncated}
    if exporter.dataset_info:
        about["dataset_info.json"] = {path.stem: {"file_name": path.name, **exporter.dataset_info}}
    storage.write_json(path.with_suffix(".about.json"), about)
    return rows, notes


def chat(_: Recipe) -> SampleExporter:
    """Rows with ``messages`` of role and content: Megatron's and TRL's chat data, Axolotl's ``type: chat_template``."""

    def row(candidate: Candidate) -> dict[str, Any]:
        return {"messages": [*candidate.prompt.as_chat(), {"role": "assistant", "content": candidate.sample.text}]}

    return _jsonl(row)


def sharegpt(_: Recipe) -> SampleExporter:
    """Rows with ``conversations`` of from and value, and ``system``: LLaMA-Factory's ``formatting: sharegpt``."""
    speakers = {"user": "human", "assistant": "gpt"}

    def row(candidate: Candidate) -> dict[str, Any]:
        turns = [{"from": speakers[role], "value": content} for role, content in _turns(candidate)]
        return {
            "conversations": [*turns, {"from": "gpt", "value": candidate.sample.text}],
            "system": _system(candidate),
        }

    return _jsonl(row)


def alpaca(_: Recipe) -> SampleExporter:
    """Rows with ``instruction``, ``input``, ``output``, ``system`` and ``history``: LLaMA-Factory's ``alpaca``."""

    def row(candidate: Candidate) -> dict[str, Any]:
        turns = [content for _, content in _turns(candidate)]
        history = [list(pair) for pair in zip(turns[:-1:2], turns[1:-1:2], strict=True)]
        answer = {"instruction": turns[-1], "input": "", "output": candidate.sample.text}
        return {**answer, "system": _system(candidate), "history": history}

    return _jsonl(row)


def ids(recipe: Recipe) -> SampleExporter:
    """Rows with ``input_ids``, ``attention_mask`` and ``labels``, exactly as the built-in trainer reads them.

    Labels are -100 on the prompt. Axolotl accepts such rows if no ``type`` is given.
    """

    def row(candidate: Candidate) -> dict[str, Any] | None:
        ids_and_labels = training_row(candidate.sample, recipe.max_length_train)
        return ids_and_labels and {
            "input_ids": ids_and_labels[0],
            "attention_mask": [1] * len(ids_and_labels[0]),
            "labels": ids_and_labels[1],
        }

    return _jsonl(row)


def _jsonl(row_of: Callable[[Candidate], dict[str, Any] | None]) -> SampleExporter:
    def write(candidates: Iterable[Candidate], path: Path) -> int:
        rows = 0
        with storage.atomic_writer(path) as stream:
            for candidate in candidates:
                row = row_of(candidate)
                if row is not None:
                    stream.write(json.dumps(row, ensure_ascii=True) + "\n")
                    rows += 1
        return rows

    return write


def _turns(candidate: Candidate) -> list[tuple[str, str]]:
    """Return the turns but the system's, user and assistant taking turns, the user first and last."""
    turns = [turn for turn in candidate.prompt.messages if turn[0] != "system"]
    if [role for role, _ in turns] != [("user", "assistant")[number % 2] for number in range(len(turns))] or not turns:
        raise UsageError(
            "the turns of a prompt are not user and assistant in turn, which this format wants",
            where=candidate.prompt.id,
            next_step="use --format chat or --format ids",
        )
    return turns


def _system(candidate: Candidate) -> str:
    return "\n\n".join(content for role, content in candidate.prompt.messages if role == "system")


def _run_folder(word: str) -> Path:
    former_layout.refuse()
    if word.startswith(registry.PREFIX):
        folder = training_folder(registry.get(word).fingerprint)
        if not folder.is_dir():
            raise UsageError(f"the run that made {word} is no longer in this cache", where=folder)
        return folder
    names = [path.name for path in training_folders()]
    matching = [name for name in names if name.startswith(word[:16].lower())] if word else []
    if len(matching) == 1:
        return training_folder(matching[0])
    path = Path(word).expanduser()
    if word and not matching and path.is_dir():
        return path.resolve()
    what = f"{len(matching)} runs begin with {word!r}" if matching else f"no run is called {word!r}"
    raise UsageError(what, next_step=f"give one of: {', '.join(matching or names) or 'none is here yet'}")
