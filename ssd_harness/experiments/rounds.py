"""Rounds with an evaluation after each, and the rule that stops them.

The transform knows no task and the task no transform; here they meet. Round i of many is what a run of i rounds makes,
so each is asked for in turn, evaluated by lm_eval in a process of its own, and the better one kept. The base model is
evaluated first: that is what the rounds are seen against, and it shows before any training that the evaluation works.
"""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ssd_harness import evaluation_request, registry, storage
from ssd_harness.distill import pipeline
from ssd_harness.distill.plan import Plan
from ssd_harness.distill.plan_lines import say
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.evaluation_request import EvaluationRequest
from ssd_harness.experiments.evaluation import (
    LOG,
    Evaluation,
    ModelClass,
    evaluate,
    metric,
    model_class,
    short_hash,
    task_options,
)
from ssd_harness.lcb.evaluated import asked_texts
from ssd_harness.overlap.guard import guard
from ssd_harness.recipe import FIELDS
from ssd_harness.registry import Checkpoint

CHOICE = "round_choice"
"""The manifest's entry about the evaluations of the rounds."""


@dataclass(frozen=True, slots=True)
class Score:
    """What one round's evaluation measured, in the metric's own unit."""

    round: int
    """0 is the base model."""
    model: str
    value: float
    error: float | None
    """Standard error of ``value``."""
    folder: str
    """Where lm-eval's results are."""


def run(plan: Plan, evaluated_by: ModelClass | None = None) -> Checkpoint:
    """Carry out ``plan``; where its recipe names a ``round_task``, evaluate each round and obey the stop rule.

    ``evaluated_by`` evaluates them; the class of the recipe's own engine unless another one is given.
    """
    if plan.recipe.round_task is None or plan.recipe.rounds == 1:
        return pipeline.run(plan)
    with storage.locked(plan.folder / "rounds.lock", lambda: say("another process is at it, waiting")):
        if plan.recipe.chooses_round and (made := registry.find(plan.fingerprint)):
            return registry.also_as(made, plan.name)
        _check_overlap(plan)
        evaluated_by = evaluated_by or model_class(plan.recipe)
        base = _score(plan, 0, _base_arguments(plan), evaluated_by)
        scores: list[Score] = []
        for number in range(1, plan.recipe.rounds + 1):
            checkpoint = pipeline.run(plan.up_to(number))
            arguments = {"pretrained": f"{registry.PREFIX}{checkpoint.name}", **_fields(plan, "_eval")}
            scores.append(_score(plan, number, arguments, evaluated_by))
            if plan.recipe.patience and number - best(scores, plan.recipe.min_gain) >= plan.recipe.patience:
                break
        return _keep(plan, base, scores)


def best(scores: Sequence[Score], min_gain: float | None) -> int:
    """Return the number of the best round: one takes over only if it gains more than ``min_gain`` on the best before.

    Without ``min_gain`` the gain must exceed the later value's standard error, so that noise alone seldom wins.
    """
    held = scores[0]
    for score in scores[1:]:
        needed = min_gain if min_gain is not None else score.error or 0.0
        if score.value - held.value > needed:
            held = score
    return held.round


def chosen_on(manifest: Any) -> str | None:
    """Say which round a checkpoint is, and on which task it was chosen; None where nothing was chosen."""
    choice = manifest.get(CHOICE)
    if not choice or not choice.get("chosen") or not choice.keys() >= {"rounds", "task", "metric"}:
        return None
    return f"round {choice['chosen']} of {len(choice['rounds'])}, chosen on {choice['task']} by {choice['metric']}"


def _check_overlap(plan: Plan) -> None:
    """Refuse prompts that give the evaluated problems away before anything is sampled; later the evaluation would."""
    task, request = plan.recipe.round_task, evaluation_request.current()
    assert task
    if own := asked_texts(EvaluationRequest((task,), (task,)), task):
        found: dict[str, Callable[[], Any]] = {task: functools.partial(list, own)}
    else:
        found = dict(request.texts_of([task])) if request and request.texts_of else {}
    for name, texts in found.items():
        guard(plan.lineage(), name, texts(), allowed=plan.recipe.allow_overlap)


def _fields(plan: Plan, ending: str) -> dict[str, Any]:
    return {name: value for name, value in plan.recipe.side("eval").items() if name.endswith(ending)}


def _base_arguments(plan: Plan) -> dict[str, Any]:
    """Return the model_args that evaluate the base model with its own decoding."""
    arguments = {"pretrained": plan.base.name, "rounds": 0, "max_gen_toks_eval": plan.recipe.max_gen_toks_eval}
    arguments |= {"revision": plan.base.revision} if plan.base.revision else {}
    return arguments | (_fields(plan, "_base") if plan.recipe.T_base is not None else {})


def _score(plan: Plan, number: int, arguments: Mapping[str, Any], evaluated_by: ModelClass) -> Score:
    """Evaluate one round's checkpoint, or the base model as round 0, unless that was done before, and tell it."""
    recipe = plan.recipe
    assert recipe.round_task
    how = {name: getattr(recipe, name) for name in ("device", "trust_remote_code", "allow_overlap")}
    arguments = {**arguments, **{name: value for name, value in how.items() if value != FIELDS[name].default}}
    arguments |= {name: value for name, value in evaluated_by.arguments.items() if name not in FIELDS}
    decoding = {name: value for name, value in arguments.items() if name != "pretrained"}
    request = evaluation_request.current()
    chat = request.apply_chat_template if request else False
    options = task_options(request.include_path if request else None, apply_chat_template=chat)
    key = short_hash(evaluated_by.name, decoding, recipe.round_limit, *([options] if options else []))
    task = re.sub(r"[^A-Za-z0-9._-]+", "-", recipe.round_task)
    folder = plan.up_to(max(1, number)).folder / "evaluation" / f"{task}-{key}"
    evaluation = Evaluation(
        folder, evaluated_by.name, arguments, recipe.round_task, recipe.round_limit, options=options
    )
    what = f"round {number} of {recipe.rounds}" if number else "the base model"
    if not evaluation.done:
        say(f"evaluating {what} on {recipe.round_task}; log: {folder / LOG}")
    for finished in evaluate([evaluation]):
        if finished.error:
            raise InfrastructureError(
                f"the evaluation of {what} failed: {finished.error}",
                where=folder,
                next_step="run the same command again to go on from what is finished",
            )
    value, error = metric(evaluation, recipe.round_metric)
    if error is None and recipe.patience and recipe.min_gain is None:
        raise UsageError(
            f"{recipe.round_metric} of {recipe.round_task} has no standard error", next_step="give min_gain="
        )
    told = "" if error is None else f" ± {error:.4f}"
    say(f"{what}: {recipe.round_metric} {value:.4f}{told} on {recipe.round_task}")
    return Score(number, str(arguments["pretrained"]), value, error, str(folder))


def _keep(plan: Plan, base: Score, scores: Sequence[Score]) -> Checkpoint:
    """Register the result under the plan's name: the best round where one is chosen, else the last."""
    recipe = plan.recipe
    number = best(scores, recipe.min_gain) if recipe.patience else scores[-1].round
    chosen = registry.get(scores[number - 1].model)
    choice = {
        "task": recipe.round_task,
        "metric": recipe.round_metric,
        "limit": recipe.round_limit,
        "patience": recipe.patience,
        "min_gain": recipe.min_gain,
        "base": asdict(base),
        "rounds": [asdict(score) for score in scores],
        "chosen": number if recipe.patience else None,
    }
    manifest = {**chosen.manifest, "fingerprint": plan.fingerprint, "recipe": asdict(recipe), CHOICE: choice}
    kept = registry.also_as(chosen, plan.name, manifest)
    if told := chosen_on(manifest):
        early = "" if len(scores) == recipe.rounds else f"; stopped after {len(scores)} of {recipe.rounds}"
        say(f"{registry.PREFIX}{kept.name} is {told}{early}; its figures on that task are those it was chosen by")
        if scores[number - 1].value <= base.value:
            say(f"note: no better than the base model on {recipe.round_task} by {recipe.round_metric}")
    return kept
