"""What the stages of the transform hand to each other, and what a plugin has to provide to be one of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Report = Any
"""``report(done=…, total=…, note=…)``: how a stage says how far it is (``progress.Reporter``)."""


@dataclass(frozen=True, slots=True)
class PromptTests:
    """What a program that answers a prompt must do; the first test is the example that the prompt shows, if it does."""

    inputs: tuple[str, ...]
    """Standard input, or one JSON value a line (functional)."""
    outputs: tuple[str, ...]
    """Expected standard output, or one JSON value (functional)."""
    function: str | None = None
    """Function or method to call; None for programs on standard input."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question to the model, before any chat template."""

    id: str
    messages: tuple[tuple[str, str], ...]
    """(role, content) turns; plain text is one user turn."""
    tests: PromptTests | None = None
    """Stored only for filters that ask for them (``needs_tests``)."""
    statement: str = ""
    """What is asked, without the words put around it: copies are told by it. Empty: by all turns. Not stored."""
    problem: Mapping[str, str] | None = None
    """Fields of a programming problem (``question_content``, ``starter_code``, maybe ``question_title``), which the
    recipe's prompt style puts into its words in place of ``messages``; None leaves these. Not stored."""

    @property
    def text(self) -> str:
        """The last turn's content."""
        return self.messages[-1][1]

    def as_chat(self) -> list[dict[str, str]]:
        """Return the turns as chat templates take them."""
        return [{"role": role, "content": content} for role, content in self.messages]


@dataclass(frozen=True, slots=True)
class Sample:
    """One completion drawn from the frozen base model; training uses these very token ids."""

    prompt_id: str
    index: int
    """Number of this sample among its prompt's."""
    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    """The completion; it ends with an EOS token exactly if one was drawn."""
    text: str
    """The completion decoded, without special tokens."""
    stop: str
    """``eos`` or ``length``."""


class PromptSource(Protocol):
    """Yields prompts in a fixed order.

    Factory: ``source(argument, recipe)``; the argument is what followed the source's name, or the file's path. One
    with ``__len__`` is told about with the time that is left.
    """

    def __iter__(self) -> Iterator[Prompt]: ...


class Sampler(Protocol):
    """Draws samples from a model.

    Factory: ``sampler(model_folder, recipe)``; the factory's ``semantic_version`` changes whenever the same recipe
    would yield other samples, and is part of the fingerprint. A sampler may also have ``check(prompts)``, called with
    all prompts that are left to sample before the first one is, to refuse what cannot work.
    """

    def sample(self, prompts: Iterable[Prompt], seed: int) -> Iterator[Sample]:
        """Yield ``recipe.n_train`` samples of each prompt in any order; equal seeds yield equal samples."""

    def describe(self) -> Mapping[str, Any]:
        """Return what the manifest should say about how the samples were drawn."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sample that may be trained on, and its prompt."""

    prompt: Prompt
    sample: Sample


class SampleFilter(Protocol):
    """Decides which samples are trained on. Factory: ``sample_filter(argument, recipe)``; ``filter=NAME:ARGUMENT``.

    What decides on each sample by itself is written in one line with ``distill.filters.keep_if``. A filter may also
    have ``check(prompts)``, called before anything is sampled, to refuse what cannot work, and ``describe(prompts)``,
    whose mapping the manifest keeps. The factory's attributes say how it is used: ``whole_set``, it looks at all
    samples together, so a killed run offers them all again; ``needs_tests``, prompts are stored with their tests;
    ``verified``, it looks at what programs do, so all that is made with it is called a verified variant.
    """

    def __call__(self, candidates: Iterable[Candidate], /) -> Iterator[str | None]:
        """Yield for each candidate, in order, None to keep it or the reason to drop it, in a word or two.

        ``candidates`` may be iterated over more than once, and holds one shard in memory at a time.
        """


class Trainer(Protocol):
    """Fine-tunes a model. Factory: ``trainer(model_folder, recipe)``; ``semantic_version`` as for samplers."""

    def train(self, samples: Iterable[Sample], folder: Path, report: Report) -> Mapping[str, Any]:
        """Train on ``samples`` and write the model to ``folder / "checkpoint"``; return the manifest's part about it.

        Called again after a kill with the same arguments: whatever stands in ``folder`` is its own from before. The
        checkpoint is then loaded by plain transformers. It must be whole, and give the logits that the trainer has
        left in ``folder / "logits.safetensors"`` (``ssd_harness.engines.logits.LogitRecord``), if it has.
        """


class Transform(Protocol):
    """A whole transform: base model in, registered checkpoint out (``distill.pipeline.distill`` is the paper's)."""

    def __call__(self, plan: Any) -> Any:
        """Carry out ``plan`` (``distill.plan.Plan``) and return the registered checkpoint."""


class Exporter(Protocol):
    """Writes samples and their prompts in another tool's format. Factory: ``exporter(recipe)``.

    The factory's attributes: ``text`` is False where token ids are written, so that the notes about text do not apply;
    ``dataset_info`` is the entry that LLaMA-Factory's file of that name wants.
    """

    def __call__(self, candidates: Iterable[Candidate], path: Path, /) -> int | None:
        """Write all of them to ``path``; return how many rows that made, if not one each."""
