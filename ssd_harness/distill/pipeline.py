"""Simple self-distillation, on one screen.

Sample from the frozen model, drop what is empty, fine-tune the same model on the raw rest, register the result.
Nothing is verified, ranked or rewarded. Each stage is a process of its own, so that nothing holds the accelerator when
the next one starts; each leaves a manifest when it is done, so that a killed run goes on where it was.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ssd_harness import provenance, storage
from ssd_harness.artifacts import drawn, registry, shards
from ssd_harness.artifacts.registry import Checkpoint
from ssd_harness.distill import training
from ssd_harness.distill.exporting import RUN_FILE
from ssd_harness.distill.job import Job
from ssd_harness.distill.plan import Plan
from ssd_harness.distill.plan_lines import say
from ssd_harness.distill.stage_process import run_stage
from ssd_harness.distill.training import CHECKPOINT
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Transform
from ssd_harness.prompts import prompt_style
from ssd_harness.prompts.overlap import livecodebench
from ssd_harness.prompts.overlap.lineage import MANIFEST_KEY
from ssd_harness.prompts.prompt_set import PromptSet


def run(plan: Plan) -> Checkpoint:
    """Carry out ``plan`` with the transform that its recipe names."""
    return plugin_manager.lookup(Transform, plan.recipe.transform).factory(plan)


def distill(plan: Plan) -> Checkpoint:
    """Do what is left to do of ``plan`` and return the registered checkpoint."""
    made = registry.find(plan.fingerprint)
    if not made:
        for number in range(1, plan.recipe.rounds + 1):
            made = _distill_once(plan.up_to(number), made)
    assert made
    return registry.also_as(made, plan.name)


def _distill_once(plan: Plan, before: Checkpoint | None) -> Checkpoint:
    """Carry out the last round of ``plan``, from the checkpoint of the one before it; one process at a time."""
    with storage.locked(plan.folder / "lock", lambda: say("another process is at it, waiting")) as lock:
        if made := registry.find(plan.fingerprint):
            return registry.also_as(made, plan.name)

        one = _Round(plan, before.path if before else plan.base.folder(), lock)
        samples = one.stage("sample")
        kept = one.stage("filter", samples)
        trained = one.stage("train", kept)
        training.discard_state(trained)
        model = trained / CHECKPOINT
        prompts = {MANIFEST_KEY: plan.lineage().store(model)}
        return registry.register(plan.name, model, manifest(plan, before) | prompts)


def draw_samples(plan: Plan) -> Path:
    """Sample and filter for the first round, train nothing, and return the run's folder: for other trainers."""
    first = plan.up_to(1)
    with storage.locked(first.folder / "lock", lambda: say("another process is at it, waiting")) as lock:
        one = _Round(first, first.base.folder(), lock)
        one.stage("filter", one.stage("sample"))
    return first.folder


@dataclass(frozen=True, slots=True)
class _Round:
    """One pass of the method, from ``model`` to the next one."""

    plan: Plan
    model: Path
    lock: int

    def stage(self, name: str, samples: Path | None = None) -> Path:
        """Run one stage in its own process, unless it is done, and return its folder."""
        folder = _folder(self.plan, name)
        removed = name == "train" and not (folder / CHECKPOINT).exists()  # it was registered, and is no more
        if removed or not shards.is_whole(folder):
            storage.write_json(self.plan.folder / RUN_FILE, described(self.plan))
            if name == "sample":
                self._sample(folder)
            else:
                run_stage(self._job(name, samples), folder, locks=[self.lock])
        return folder

    def _sample(self, folder: Path) -> None:
        """Draw what no other run has drawn of the same samples; while one is at it, wait."""
        identity = self.plan.samples_identity()
        waiting = "is drawing the same samples, waiting for it"
        with drawn.reserved(folder, identity, lambda run: say(f"samples: {run} {waiting}")) as held:
            if run := drawn.adopt(folder, identity):
                say(f"samples: those that run {run} has drawn")
                return
            for run, count in drawn.adopt_shards(folder, identity).items():
                say(f"samples: {count} shard{'' if count == 1 else 's'} that run {run} had finished")
            run_stage(self._job("sample", identity=identity), folder, locks=[self.lock, held])

    def _job(self, name: str, samples: Path | None = None, identity: str | None = None) -> Job:
        recipe, prompts = self.plan.recipe, self.plan.prompts
        # Any other seed would do for later rounds; the first round's is the recipe's own.
        seed = recipe.seed + 1_000_003 * (recipe.rounds - 1)
        return Job(name, recipe, self.model, prompts.path, prompts.count, seed, samples, identity)


def manifest(plan: Plan, before: Checkpoint | None = None) -> dict[str, Any]:
    """Return what a reader of the finished checkpoint may ask about its making; ``before`` is the last round's."""
    stages = {name: shards.read_manifest(_folder(plan, name)) for name in ("sample", "filter", "train")}
    return {
        **described(plan),
        "parent": before.fingerprint if before else plan.base.parent,
        "rounds": [*(before.manifest["rounds"] if before else ()), stages],
        "software": provenance.collect(),
    }


def described(plan: Plan) -> dict[str, Any]:
    """Return what is known of a run before it begins."""
    return {
        "fingerprint": plan.fingerprint,
        "base": {"name": plan.base.name, "revision": plan.base.revision, "weights": plan.base.weights},
        "tokenizer": plan.base.tokenizer,
        "variant": plan.variant,
        "recipe": asdict(plan.recipe),
        "origins": dict(plan.resolved.origins),
        prompt_style.MANIFEST_KEY: plan.style.record()
        | ({"evaluation_differs": plan.asked_otherwise} if plan.asked_otherwise else {}),
        "prompts": {
            "source": plan.recipe.prompts,
            "sha256": plan.prompts.sha256,
            "count": plan.prompts.count,
            "duplicates": plan.prompts.duplicates,
            "excluded": plan.prompts.excluded,
            "in_style": plan.prompts.in_style,
            **_about_prompts(plan.prompts),
        },
        "parts": dict(plan.parts),
    }


def _about_prompts(prompts: PromptSet) -> dict[str, Any]:
    listed = [dict(zip(("prompt", "problem", "score"), one, strict=True)) for one in prompts.overlaps]
    published = {
        "count": prompts.published,
        "found": prompts.different,
        "equal": prompts.published == prompts.different,
    }
    return {
        "overlap": {
            "with": "LiveCodeBench",
            "statements": livecodebench.shipped().statements,
            "left_out": 0 if prompts.overlap_kept else prompts.overlapping,
            "kept": prompts.overlapping if prompts.overlap_kept else 0,
            "prompts": listed,
        },
        **({"published": published} if prompts.published is not None else {}),
        **({"notes": list(prompts.notes)} if prompts.notes else {}),
    }


def _folder(plan: Plan, stage: str) -> Path:
    return plan.folder / f"round-{plan.recipe.rounds}" / stage
