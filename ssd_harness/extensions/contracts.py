"""The data that the stages of the transform exchange, and the protocols that objects made by plugins must follow."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from ssd_harness.foreign_json import Json


@dataclass(frozen=True, slots=True)
class PromptTests:
    """The tests of a prompt's problem. The first one is the example in the prompt, if the prompt shows one."""

    inputs: tuple[str, ...]
    """Standard input of each test, or one JSON value a line if there is a ``function``."""
    outputs: tuple[str, ...]
    """Expected standard output of each test, or one JSON value; as many as ``inputs``."""
    function: str | None = None
    """The function or method to call. None: the program reads standard input."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question to the model, before any chat template."""

    id: str
    """Unique within the prompt source."""
    messages: tuple[tuple[str, str], ...]
    """(role, content) of each turn, at least one. Plain text is one ``user`` turn."""
    tests: PromptTests | None = None
    """Stored only for filters with ``needs_tests``."""
    statement: str = ""
    """The problem's statement alone, by which duplicates are found. If empty, all turns are compared. Not stored."""
    problem: Mapping[str, str] | None = None
    """A programming problem: ``question_content``, ``starter_code`` and optionally ``question_title``. The recipe's
    prompt style renders it in place of ``messages``. None: ``messages`` are used as they are. Not stored."""

    @property
    def text(self) -> str:
        """The last turn's content."""
        return self.messages[-1][1]

    def as_chat(self) -> list[dict[str, str]]:
        """Return the turns as chat templates take them: ``[{"role": ..., "content": ...}, ...]``."""
        return [{"role": role, "content": content} for role, content in self.messages]


@dataclass(frozen=True, slots=True)
class Sample:
    """One completion that the base model generated. The trainer gets exactly these token ids."""

    prompt_id: str
    """``id`` of its prompt."""
    index: int
    """Number of the sample among those of its prompt, from 0 to ``recipe.n_train - 1``."""
    prompt_ids: tuple[int, ...]
    """Token ids of the prompt, chat template included."""
    token_ids: tuple[int, ...]
    """Token ids of the completion. The last one is an EOS token exactly if the model generated one."""
    text: str
    """The completion, decoded without special tokens."""
    stop: str
    """``eos``, or ``length`` for a completion that was cut at ``max_new_tokens_train``."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sample that may be trained on, and its prompt."""

    prompt: Prompt
    """``id``, ``messages`` and, for filters with ``needs_tests``, ``tests``."""
    sample: Sample
    """The completion; ``text`` is what most filters look at."""


class Report(Protocol):
    """Reports the progress of a stage. Call it as often as you like: it limits how often a line is printed."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Report that ``done`` of ``total`` pieces are finished; ``note`` is shown beside the numbers."""


class ModelSampler(Protocol):
    """Draws samples from one model; what the factory of a :class:`~ssd_harness.extensions.components.Sampler` returns.

    It may also have the method of :class:`ChecksPrompts`.
    """

    def sample(self, prompts: Iterable[Prompt], seed: int) -> Iterator[Sample]:
        """Yield ``recipe.n_train`` samples of every prompt, in any order.

        Equal seeds must yield equal samples. ``prompts`` is read lazily. Yield each sample as soon as it is drawn: a
        shard of about 64 samples is saved when it is complete. After a kill the method is called again, with the
        prompts of the shards that are not on disk, so a sample should not depend on the other prompts. A missing sample
        or one that was not requested ends the run.

        Raise :class:`~ssd_harness.errors.UsageError` for an error that the user can correct and
        :class:`~ssd_harness.errors.InfrastructureError` for any other failure.
        """

    def describe(self) -> Mapping[str, Json]:
        """Return what the manifest records about how the samples were drawn: device, precision, versions."""


class SampleFilter(Protocol):
    """Decides which samples are trained on; what the factory of a ``Filter`` returns.

    A filter that decides on each sample by itself is one call of :func:`ssd_harness.distill.filters.keep_if`. It may
    also have the methods of :class:`ChecksPrompts` and :class:`DescribesExecution`.
    """

    def __call__(self, candidates: Iterable[Candidate], /) -> Iterator[str | None]:
        """Yield one decision for each candidate, in order: None to keep it, or the reason to drop it in a few words.

        The manifest counts the reasons. ``candidates`` can be iterated over more than once; each iteration reads the
        samples from disk, one shard at a time.
        """


@runtime_checkable
class ChecksPrompts(Protocol):
    """A sampler or filter that can refuse prompts before anything is sampled."""

    def check(self, prompts: Iterable[Prompt]) -> None:
        """Raise :class:`~ssd_harness.errors.SsdError` if it cannot work with ``prompts``."""


@runtime_checkable
class DescribesExecution(Protocol):
    """A filter that runs the samples' programs, and describes how."""

    def describe(self, prompts: Iterable[Prompt]) -> Mapping[str, Json]:
        """Return the manifest's entry ``execution``, such as the judge, the tests and the sandbox."""


class ModelTrainer(Protocol):
    """Fine-tunes one model; what the factory of a ``Trainer`` returns."""

    def train(self, samples: Iterable[Sample], folder: Path, report: Report) -> Mapping[str, Json]:
        """Train on ``samples``, write the model to ``folder / "checkpoint"`` and return the manifest's entry ``train``.

        The entry should hold ``losses``, one number per step, and ``device``. After a kill the method is called again
        with the same arguments, and ``folder`` holds what the earlier call wrote.

        The checkpoint must be a complete model folder. It is loaded with plain transformers. If the trainer stored
        logits in ``folder / "logits.safetensors"`` (:class:`ssd_harness.engines.logits.LogitRecord`), the loaded model
        must give the same logits.
        """


class SampleExporter(Protocol):
    """Writes samples in another tool's format; what the factory of an ``Exporter`` returns."""

    def __call__(self, candidates: Iterable[Candidate], path: Path, /) -> int | None:
        """Write all candidates to ``path``; return the number of rows, or None if there is one for each candidate.

        Raise :class:`~ssd_harness.errors.UsageError` for a candidate that the format cannot hold.
        """
