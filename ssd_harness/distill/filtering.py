"""The filter stage: write the samples to train on, and count the dropped ones by reason."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from ssd_harness import storage
from ssd_harness.artifacts import shards
from ssd_harness.distill.filters import filter_of, make_filter
from ssd_harness.distill.job import Job
from ssd_harness.distill.ranks import ALONE, Rank
from ssd_harness.errors import InfrastructureError
from ssd_harness.extensions.contracts import Candidate, DescribesExecution, Report
from ssd_harness.prompts.prompt_set import read_prompts


def run(job: Job, folder: Path, report: Report, _rank: Rank = ALONE) -> Mapping[str, Any]:
    """Write the kept samples shard by shard and return the manifest. A filter that keeps nothing is an error."""
    assert job.samples
    count = shards.read_manifest(job.samples)["shards"]
    decided = set() if filter_of(job.recipe).whole_set else _decided(folder, count)
    undecided = [number for number in range(count) if number not in decided]
    filter_ = make_filter(job.recipe)
    report(len(decided), count)
    decisions = filter_(Candidates(job, undecided)) if undecided else iter(())
    kept_so_far, seen = 0, 0  # in this run, over all shards
    for done, number in enumerate(undecided, start=len(decided) + 1):
        samples = list(shards.read_shard(shards.shard_path(job.samples, number)))
        reasons = list(islice(decisions, len(samples)))
        if len(reasons) != len(samples):
            raise InfrastructureError(
                f"the filter {job.recipe.filter!r} decided on {len(reasons)} of {len(samples)} samples of a shard"
            )
        kept = [sample for sample, reason in zip(samples, reasons, strict=True) if reason is None]
        storage.write_json(_reasons_path(folder, number), Counter(reason for reason in reasons if reason is not None))
        shards.write_shard(folder, number, kept)
        kept_so_far, seen = kept_so_far + len(kept), seen + len(samples)
        report(done, count, f"{kept_so_far:,} of {seen:,} samples kept")
    dropped: Counter[str] = Counter()
    for number in range(count):
        dropped.update(json.loads(_reasons_path(folder, number).read_text("utf-8")))
    kept_in_all = sum(shards.count_samples(shards.shard_path(folder, number)) for number in range(count))
    if not kept_in_all:
        for number in range(count):  # so that a corrected filter decides again
            _reasons_path(folder, number).unlink()
        raise InfrastructureError(
            f"the filter {job.recipe.filter!r} dropped all {dropped.total():,} samples ({_in_words(dropped)})",
            where=job.samples,
            next_step="look at the samples, or give filter=none",
        )
    execution = filter_.describe(read_prompts(job.prompts)) if isinstance(filter_, DescribesExecution) else {}
    return {
        "shards": count,
        "filter": job.recipe.filter,
        "kept": kept_in_all,
        "dropped": dropped.total(),
        "reasons": dict(dropped.most_common()),
        **({"execution": execution} if execution else {}),
    }


class Candidates:
    """The samples of some shards with their prompts, read one shard at a time on each iteration."""

    def __init__(self, job: Job, numbers: Sequence[int]) -> None:
        self._job, self._numbers = job, numbers

    def __iter__(self) -> Iterator[Candidate]:
        """Yield the candidates; prompts and shards have the same order."""
        assert self._job.samples
        prompts = read_prompts(self._job.prompts)
        prompt = next(prompts)
        for number in self._numbers:
            for sample in shards.read_shard(shards.shard_path(self._job.samples, number)):
                while prompt.id != sample.prompt_id:
                    prompt = next(prompts)
                yield Candidate(prompt, sample)


def _decided(folder: Path, count: int) -> set[int]:
    return {
        number for number in range(count) if shards.has_shard(folder, number) and _reasons_path(folder, number).exists()
    }


def _reasons_path(folder: Path, number: int) -> Path:
    return folder / f"dropped-{number:05d}.json"


def _in_words(dropped: Counter[str]) -> str:
    return ", ".join(f"{number:,} {reason}" for reason, number in dropped.most_common(5))
