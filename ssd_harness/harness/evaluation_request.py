"""What the user asked lm-eval to evaluate, captured before lm-eval builds the model."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ssd_harness.harness.third_party_tasks import ThirdPartyTasks


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """The arguments of one ``simple_evaluate`` call that our models and tasks need before lm-eval passes them on."""

    tasks: tuple[str, ...] = ()
    """Task names; tags and groups that are in the task index are expanded."""
    own_tasks: tuple[str, ...] = ()
    """Those of ``tasks`` that are ours."""
    own_model: bool = False
    """Whether the model is an ``ssd-*`` model, which renders the chat of our requests itself."""
    model_args: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """``--metadata`` alone, without the model_args that lm-eval merges in."""
    gen_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """``--gen_kwargs`` as the user gave it: only the fields written there."""
    system_instruction: str | None = None
    apply_chat_template: bool | str = False
    predict_only: bool = False
    limit: float | None = None
    samples: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """``--samples``: the indices of the documents to evaluate, by task."""
    output_path: str | None = None
    include_path: str | None = None
    """The folder of ``--include_path``, which holds the user's tasks."""
    third_party: ThirdPartyTasks | None = field(default=None, compare=False)
    """Loads the tasks that are not ours; None if the request is for our tasks alone."""

    @property
    def only_own_tasks(self) -> bool:
        """Whether every task is ours."""
        return set(self.tasks) == set(self.own_tasks)

    def selected(self, task: str, count: int) -> list[int]:
        """Return the indices of the documents that ``--samples`` or ``--limit`` select from ``count``."""
        if task in self.samples:
            return [index for index in self.samples[task] if 0 <= index < count]
        if self.limit is None:
            return list(range(count))
        return list(range(min(count, math.ceil(count * self.limit) if self.limit < 1 else int(self.limit))))
