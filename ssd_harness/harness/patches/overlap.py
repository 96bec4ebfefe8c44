"""Compare the training prompts of our checkpoints with every task, once lm-eval has loaded it."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ssd_harness.errors import SsdError
from ssd_harness.harness import ownership, patches, run_context
from ssd_harness.harness.third_party_tasks import texts_of


def wrap_evaluate(evaluator: Any) -> None:
    """Wrap ``evaluate``, which ``simple_evaluate`` calls with the model and the loaded tasks."""
    original: Callable[..., Any] = evaluator.evaluate
    signature = inspect.signature(original)

    @functools.wraps(original)
    def evaluate(*args: Any, **kwargs: Any) -> Any:
        try:
            arguments = signature.bind(*args, **kwargs).arguments
            check = _check_of(arguments["lm"])
            tasks = ownership.flat_tasks(arguments["task_dict"]) if check else {}
        except SsdError:
            raise
        except Exception as error:  # noqa: BLE001 - a call that we cannot read is left to lm-eval
            patches.step_aside("cannot compare prompts with these tasks", error)
            return original(*args, **kwargs)
        for name, task in tasks.items():
            check.check(name, functools.partial(texts_of, task))
        return original(*args, **kwargs)

    evaluator.evaluate = evaluate


def _check_of(model: Any) -> Any:
    """Return the check of an ``ssd-*`` model, or of our checkpoint in lm-eval's classes; None for other models."""
    if ownership.is_own_model(model):
        return model.under_test.overlap
    request = run_context.current().request
    pretrained = str(request.model_args.get("pretrained") or "") if request else ""
    if not request or not pretrained or not Path(pretrained).is_dir():
        return None
    from ssd_harness.harness.models.overlap_check import check_of_folder
    from ssd_harness.recipe.definition import coerce

    allowed = coerce("allow_overlap", request.metadata.get("allow_overlap", False))
    return check_of_folder(Path(pretrained), allowed=allowed, tell=patches.log.info)
