"""The filter stage: keep the samples that are trained on, and count what was dropped."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssd_harness import plugin_manager
from ssd_harness.distill import shards
from ssd_harness.distill.contracts import Report
from ssd_harness.distill.job import Job
from ssd_harness.errors import InfrastructureError


def run(job: Job, folder: Path, report: Report) -> Mapping[str, Any]:
    """Write the kept samples, shard by shard, and return the manifest; a filter that keeps nothing is an error."""
    assert job.samples
    keeps = plugin_manager.lookup("ssd_sample_filters", job.recipe.filter)(job.recipe)
    count = shards.read_manifest(job.samples)["shards"]
    kept = dropped = 0
    for number in range(count):
        samples = list(shards.read_shard(shards.shard_path(job.samples, number)))
        passing = [sample for sample in samples if keeps(sample)]
        shards.write_shard(folder, number, passing)
        kept, dropped = kept + len(passing), dropped + len(samples) - len(passing)
        report(number + 1, count, f"{kept:,} kept")
    if not kept:
        raise InfrastructureError(
            f"the filter {job.recipe.filter!r} dropped all {dropped:,} samples",
            where=job.samples,
            next_step="look at the samples, or give filter=none",
        )
    return {"shards": count, "filter": job.recipe.filter, "kept": kept, "dropped": dropped}
