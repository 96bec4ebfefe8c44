"""Load other people's tasks as lm-eval does once the model is there, and return what they ask a model to generate."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ssd_harness.errors import InfrastructureError
from ssd_harness.harness.bridge import discovery, ownership
from ssd_harness.harness.evaluation_request import OtherGenerations
from ssd_harness.printable import first_line


class OtherTasks:
    """The tasks of one evaluation that are not ours, loaded when they are asked for, once.

    ``manager`` gives the task manager, ``asked`` is what was given for them, ``arguments`` are ``simple_evaluate``'s.
    """

    def __init__(self, manager: Callable[[], Any], asked: Sequence[Any], arguments: Mapping[str, Any]) -> None:
        self._manager, self._asked, self._arguments = manager, asked, arguments
        self._tasks: Mapping[str, Any] | None = None

    def loaded(self) -> Mapping[str, Any]:
        """Return the tasks by name; raises :class:`InfrastructureError` for one that lm-eval cannot load."""
        if self._tasks is None:
            self._tasks = discovery.remember(("tasks", repr(self._asked)), self._load)
        return self._tasks

    def generations(self, render: Callable[..., str] | None) -> list[OtherGenerations]:
        """Return what each task that lets a model generate asks for; ``render`` applies the model's chat template."""
        user = self._arguments.get("gen_kwargs") or {}
        return [
            OtherGenerations(
                name,
                {**(task.config.generation_kwargs or {}), **user},
                functools.partial(self._prompts, name, task, render),
            )
            for name, task in self.loaded().items()
            if task.get_config("output_type") == "generate_until"
        ]

    def _load(self) -> Mapping[str, Any]:
        given = [dict(task) if isinstance(task, Mapping) else task for task in self._asked]
        try:
            loaded = ownership.flat_tasks(self._manager().load(given)) if given else {}
        except Exception as error:
            what = f"lm_eval cannot load {', '.join(map(str, self._asked))}: {first_line(error)}"
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

        asked = self._arguments
        try:
            task.build_all_requests(
                limit=get_sample_size(task, asked.get("limit")),
                samples=(asked.get("samples") or {}).get(name),
                system_instruction=asked.get("system_instruction"),
                apply_chat_template=render is not None,
                fewshot_as_multiturn=bool(asked.get("fewshot_as_multiturn", True)),
                chat_template=render,
            )
        except Exception as error:
            what = f"lm_eval cannot write the prompts of {name}: {first_line(error)}"
            raise InfrastructureError(what, next_step="check --num_fewshot, --samples and the task") from error
        prompts = [request.args[0] for request in task.instances]
        task._instances = None  # noqa: SLF001 - they may be many, and are not needed again
        return [prompt for prompt in prompts if isinstance(prompt, str)]
