"""Load the tasks of an evaluation that are not ours, as lm-eval does after it has built the model."""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ssd_harness.errors import InfrastructureError
from ssd_harness.harness import ownership
from ssd_harness.printable import first_line

if TYPE_CHECKING:
    from ssd_harness.prompts.overlap.search import EvaluatedText

_QUESTION_WORDS = 4
"""A field of a document with fewer words is a label or a name, not a question."""
# lm-eval shows INFO and WARNING only of loggers below its own, "lm_eval".
_log = logging.getLogger("lm_eval.ssd_harness")


@dataclass(frozen=True, slots=True)
class ThirdPartyGeneration:
    """The prompts and the decoding of one third-party task that generates text."""

    task: str
    arguments: Mapping[str, Any]
    """Its ``generation_kwargs``, overridden by ``--gen_kwargs``."""
    prompts: Callable[[], Sequence[str]]
    """Builds all prompts that ``--limit`` and ``--samples`` select, few-shot examples included."""


class ThirdPartyTasks:
    """The third-party tasks of one evaluation, loaded on first use.

    ``manager`` returns lm-eval's task manager, ``requested`` are the tasks as the user gave them (names, groups,
    mappings or task objects), ``arguments`` are those of ``simple_evaluate``. ``remember`` is called with a key and a
    loader, and may return an earlier result of the loader for that key.
    """

    def __init__(
        self,
        manager: Callable[[], Any],
        requested: Sequence[Any],
        arguments: Mapping[str, Any],
        remember: Callable[[Any, Callable[[], Any]], Any] = lambda _, load: load(),
    ) -> None:
        self._manager, self._requested, self._arguments, self._remember = manager, requested, arguments, remember

    @functools.cached_property
    def loaded(self) -> Mapping[str, Any]:
        """The tasks by name; raises :class:`InfrastructureError` for one that lm-eval cannot load."""
        tasks: Mapping[str, Any] = self._remember(("tasks", repr(self._requested)), self._load)
        return tasks

    def texts(self) -> Mapping[str, Callable[[], "Sequence[EvaluatedText] | None"]]:
        """Return by task a function that returns the texts of its documents."""
        return {name: functools.partial(texts_of, task) for name, task in self.loaded.items()}

    def generations(self, render: Callable[..., str] | None) -> list[ThirdPartyGeneration]:
        """Return what each generating task requests; ``render`` applies the model's chat template."""
        gen_kwargs = self._arguments.get("gen_kwargs") or {}
        return [
            ThirdPartyGeneration(
                name,
                {**(task.config.generation_kwargs or {}), **gen_kwargs},
                functools.partial(self._prompts, name, task, render),
            )
            for name, task in self.loaded.items()
            if task.get_config("output_type") == "generate_until"
        ]

    def _load(self) -> Mapping[str, Any]:
        specs = [dict(task) if isinstance(task, Mapping) else task for task in self._requested]
        try:
            loaded = ownership.flat_tasks(self._manager().load(specs)) if specs else {}
        except Exception as error:
            what = f"lm_eval cannot load {', '.join(map(str, self._requested))}: {first_line(error)}"
            raise InfrastructureError(what, next_step="check the task, its data and the network") from error
        shots = self._arguments.get("num_fewshot")
        for task in loaded.values():
            if shots is not None and task.get_config("num_fewshot") != 0:
                task.set_config(key="num_fewshot", value=shots)
            elif task.get_config("num_fewshot") is None:
                task.set_config(key="num_fewshot", value=0)
            task.set_fewshot_seed(seed=self._arguments.get("fewshot_random_seed", 1234))
        return loaded

    def _prompts(self, name: str, task: Any, render: Callable[..., str] | None) -> list[str]:
        from lm_eval.evaluator_utils import get_sample_size

        arguments = self._arguments
        try:
            task.build_all_requests(
                limit=get_sample_size(task, arguments.get("limit")),
                samples=(arguments.get("samples") or {}).get(name),
                system_instruction=arguments.get("system_instruction"),
                apply_chat_template=render is not None,
                fewshot_as_multiturn=bool(arguments.get("fewshot_as_multiturn", True)),
                chat_template=render,
            )
        except Exception as error:
            what = f"lm_eval cannot build the prompts of {name}: {first_line(error)}"
            raise InfrastructureError(what, next_step="check --num_fewshot, --samples and the task") from error
        prompts = [request.args[0] for request in task.instances]
        task._instances = None  # noqa: SLF001 - there may be many, and they are not needed again
        return [prompt for prompt in prompts if isinstance(prompt, str)]


def texts_of(task: Any) -> "Sequence[EvaluatedText] | None":
    """Return the questions of a task, one per document; None if it has no text, or its documents cannot be read."""
    from ssd_harness.prompts.overlap.search import EvaluatedText  # other evaluations load none of it

    own = getattr(task, "evaluated_texts", None)
    if own:
        texts: Sequence[EvaluatedText] = own()
        return texts
    try:
        questions = [(number, task.doc_to_text(doc), doc) for number, doc in enumerate(task.eval_docs)]
    except Exception as error:  # noqa: BLE001 - a third-party task may raise anything
        _log.warning("ssd-harness: cannot read the documents of %s (%s)", task, error)
        return None
    return [
        EvaluatedText(f"document {number}", text, _questions_in(doc))
        for number, text, doc in questions
        if isinstance(text, str)
    ] or None


def _questions_in(doc: Any) -> tuple[str, ...]:
    """Return a document's own longer texts: the task's template around a short question would hide it."""
    values = doc.values() if isinstance(doc, Mapping) else ()
    return tuple(value for value in values if isinstance(value, str) and len(value.split()) >= _QUESTION_WORDS)
