"""Simple self-distillation, on one screen.

Sample from the frozen model, drop empty samples, fine-tune the same model on the rest, register the result. Nothing is
verified, ranked or rewarded. Each stage is a process of its own, so that the accelerator is free when the next one
starts, and fills one folder called by what decides its content. A stage whose folder is whole is done: whoever ran it.
"""

from functools import partial
from pathlib import Path

from ssd_harness import storage
from ssd_harness.artifacts import registry
from ssd_harness.artifacts.layout import PLAN_FILE, lock_of
from ssd_harness.artifacts.registry import Checkpoint
from ssd_harness.distill import training
from ssd_harness.distill.artifact import fill
from ssd_harness.distill.job import Job
from ssd_harness.distill.plan import Plan, Round
from ssd_harness.distill.plan_lines import say
from ssd_harness.distill.run_manifest import description, manifest
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Transform


def run(plan: Plan) -> Checkpoint:
    """Carry out ``plan`` with the transform that its recipe names."""
    return plugin_manager.lookup(Transform, plan.recipe.transform).factory(plan)


def distill(plan: Plan) -> Checkpoint:
    """Do what is left to do of ``plan`` and return the registered checkpoint."""
    checkpoint = registry.find(plan.fingerprint)
    if not checkpoint:
        for round_ in plan.rounds:  # each starts from the checkpoint of the one before it
            checkpoint = _distill_round(plan, round_, checkpoint)
    assert checkpoint
    return registry.alias(checkpoint, plan.name)


def _distill_round(plan: Plan, round_: Round, before: Checkpoint | None) -> Checkpoint:
    with storage.locked(lock_of(round_.training), partial(say, "another process is at it, waiting")) as lock:
        if checkpoint := registry.find(round_.fingerprint):
            return registry.alias(checkpoint, round_.name)
        kept = _draw(plan, round_, before, lock)
        trained = fill(round_.training, _job("train", plan, round_, before, kept), run_lock=lock)
        model = training.finished_model(trained)
        return registry.register(round_.name, model, manifest(plan, round_, before, model))


def _draw(plan: Plan, round_: Round, before: Checkpoint | None, lock: int) -> Path:
    """Sample and filter, unless that is done; return the folder of the kept samples."""
    storage.write_json(round_.training / PLAN_FILE, description(plan, round_, before))
    samples = fill(round_.samples, _job("sample", plan, round_, before), run_lock=lock)
    return fill(round_.kept, _job("filter", plan, round_, before, samples), run_lock=lock)


def draw_samples(plan: Plan) -> Path:
    """Sample and filter for the first round and return the folder of the kept samples, for other trainers."""
    first = plan.rounds[0]
    with storage.locked(lock_of(first.training), partial(say, "another process is at it, waiting")) as lock:
        return _draw(plan, first, None, lock)


def _job(stage: str, plan: Plan, round_: Round, before: Checkpoint | None, samples: Path | None = None) -> Job:
    model = before.path.resolve() if before else plan.base.folder()
    return Job(stage, round_.recipe, model, plan.prompts.path, plan.prompts.count, round_.seed, samples)
