"""Let our checkpoints meet every task, other people's too, once lm-eval has loaded it and before it is evaluated."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ssd_harness.errors import SsdError
from ssd_harness.harness import bridge, evaluation_request
from ssd_harness.harness.bridge import ownership

_SENTENCE = 4
"""Words from which on a field of a document can be a question, and no label or name."""


def wrap_evaluate(evaluator: Any) -> None:
    """Wrap ``evaluate``, which ``simple_evaluate`` calls with the model and the loaded tasks."""
    original: Callable[..., Any] = evaluator.evaluate
    signature = inspect.signature(original)

    @functools.wraps(original)
    def evaluate(*positional: Any, **named: Any) -> Any:
        try:
            arguments = signature.bind(*positional, **named).arguments
            check = _check_of(arguments["lm"])
            tasks = ownership.flat_tasks(arguments["task_dict"]) if check else {}
        except SsdError:
            raise
        except Exception as error:  # noqa: BLE001 - a call that we do not understand is lm-eval's alone
            bridge.step_aside("cannot compare prompts with these tasks", error)
            return original(*positional, **named)
        for name, task in tasks.items():
            check.meet(name, functools.partial(texts_of, task))
        return original(*positional, **named)

    evaluator.evaluate = evaluate


def _check_of(model: Any) -> Any:
    """Return a model's own check, or that of the checkpoint which a stock model has loaded; None for all others."""
    if ownership.is_own_model(model):
        return model.subject.overlap
    request = evaluation_request.current()
    named = str(request.model_args.get("pretrained") or "") if request else ""
    if not request or not named or not Path(named).is_dir():
        return None
    from ssd_harness.harness.models.overlap_check import check_of_folder
    from ssd_harness.recipe.definition import coerce

    allowed = coerce("allow_overlap", request.metadata.get("allow_overlap", False))
    return check_of_folder(Path(named), allowed=allowed, tell=bridge.log.info)


def texts_by_task(tasks: Mapping[str, Any]) -> dict[str, Callable[[], Sequence[Any] | None]]:
    """Return for each of the loaded ``tasks`` what returns its texts."""
    return {name: functools.partial(texts_of, task) for name, task in tasks.items()}


def texts_of(task: Any) -> Sequence[Any] | None:
    """Return what a task asks, document by document; None where that is no text, or cannot be had."""
    from ssd_harness.prompts.overlap.search import EvaluatedText

    own = getattr(task, "evaluated_texts", None)
    if own:
        return own()
    try:
        asked = [(number, task.doc_to_text(doc), doc) for number, doc in enumerate(task.eval_docs)]
    except Exception as error:  # noqa: BLE001 - somebody else's task may do anything here
        bridge.log.warning("ssd-harness: cannot read the documents of %s (%s)", task, error)
        return None
    texts = [(number, text, doc) for number, text, doc in asked if isinstance(text, str)]
    return [EvaluatedText(f"document {number}", text, _sentences(doc)) for number, text, doc in texts] or None


def _sentences(doc: Any) -> tuple[str, ...]:
    """Return a document's own texts: short questions are told by them, for the task puts words of its own around."""
    values = doc.values() if isinstance(doc, Mapping) else ()
    return tuple(value for value in values if isinstance(value, str) and len(value.split()) >= _SENTENCE)
