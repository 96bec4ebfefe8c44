"""Simple self-distillation, on one screen.

Sample from the frozen model, drop empty samples, fine-tune the same model on the rest, register the result. Nothing is
verified, ranked or rewarded. Each stage runs in its own process, so that the accelerator is free when the next one
starts. It fills one folder, whose name is a hash of everything that decides its content. A stage whose folder is
complete is skipped.
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

_BUSY = "another process is running this plan; waiting for it"


def run(plan: Plan) -> Checkpoint:
    """Carry out ``plan`` with the transform of its recipe (``transform=``)."""
    return plugin_manager.lookup(Transform, plan.recipe.transform).factory(plan)


def distill(plan: Plan) -> Checkpoint:
    """Run the unfinished rounds of ``plan`` and return the registered checkpoint."""
    checkpoint = registry.find(plan.fingerprint)
    if not checkpoint:
        for round_ in plan.rounds:  # each starts from the checkpoint of the previous one
            checkpoint = _distill_round(plan, round_, checkpoint)
    assert checkpoint
    return registry.alias(checkpoint, plan.name)


def _distill_round(plan: Plan, round_: Round, previous: Checkpoint | None) -> Checkpoint:
    """Sample, filter, train and register one round; it starts from ``previous``, or from the base model if None."""
    with storage.locked(lock_of(round_.training), partial(say, _BUSY)) as lock:
        if checkpoint := registry.find(round_.fingerprint):
            return registry.alias(checkpoint, round_.name)
        kept = _sample_and_filter(plan, round_, previous, lock)
        trained = fill(round_.training, _job("train", plan, round_, previous, kept), run_lock=lock)
        model = training.finished_model(trained)
        return registry.register(round_.name, model, manifest(plan, round_, previous, model))


def _sample_and_filter(plan: Plan, round_: Round, previous: Checkpoint | None, lock: int) -> Path:
    """Record the plan, sample and filter; return the folder of the kept samples."""
    storage.write_json(round_.training / PLAN_FILE, description(plan, round_, previous))
    samples = fill(round_.samples, _job("sample", plan, round_, previous), run_lock=lock)
    return fill(round_.kept, _job("filter", plan, round_, previous, samples), run_lock=lock)


def draw_samples(plan: Plan) -> Path:
    """Sample and filter the first round for another trainer; return the folder of the kept samples."""
    first = plan.rounds[0]
    with storage.locked(lock_of(first.training), partial(say, _BUSY)) as lock:
        return _sample_and_filter(plan, first, None, lock)


def _job(stage: str, plan: Plan, round_: Round, previous: Checkpoint | None, samples: Path | None = None) -> Job:
    # Resolve the link: while the stage runs, a command may point the name to another checkpoint.
    model = previous.path.resolve() if previous else plan.base.folder()
    return Job(stage, round_.recipe, model, plan.prompts.path, plan.prompts.count, round_.seed, samples)
