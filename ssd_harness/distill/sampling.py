"""The sampling stage: sample every prompt from the frozen model, shard by shard."""

import json
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from ssd_harness import storage
from ssd_harness.artifacts import shards
from ssd_harness.distill.job import Job
from ssd_harness.distill.ranks import ALONE, Rank
from ssd_harness.errors import InfrastructureError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Sampler
from ssd_harness.extensions.contracts import ChecksPrompts, Prompt, Report, Sample
from ssd_harness.prompts.prompt_set import read_prompts

_SHARD_SAMPLES = 64
"""Samples per shard: at most about this many are lost when a run is killed."""


_SAMPLER = "sampler.json"


def run(job: Job, folder: Path, report: Report, rank: Rank = ALONE) -> Mapping[str, Any] | None:
    """Sample the shards that are missing; shards on disk are not touched.

    Returns the manifest, or None where several processes share the shards: then :func:`finish` makes it.
    """
    sampler = plugin_manager.lookup(Sampler, job.recipe.sampler).factory(job.model, job.recipe)
    book = _ShardBook(job, folder, rank)
    total = book.prompts * job.recipe.n_train
    done = book.finished() * job.recipe.n_train
    report(done, total)
    if isinstance(sampler, ChecksPrompts):
        sampler.check(book.unfinished())
    started, tokens = time.monotonic(), 0
    for sample in sampler.sample(book.assign(), job.seed):
        book.add(sample)
        done += 1
        tokens += len(sample.token_ids)
        report(done, total, f"{tokens / (time.monotonic() - started):,.0f} tokens/s")
    undrawn = total - book.finished() * job.recipe.n_train
    if undrawn:
        raise InfrastructureError(
            f"the sampler {job.recipe.sampler!r} left {undrawn:,} of {total:,} samples undrawn or incomplete",
            where=folder,
            next_step="run the same command again; finished shards are kept",
        )
    if rank.first:
        storage.write_json(folder / _SAMPLER, dict(sampler.describe()))
    return finish(job, folder) if rank.count == 1 else None


def finish(job: Job, folder: Path) -> Mapping[str, Any]:
    """Return the manifest of a folder with all its shards."""
    count = _ShardBook(job, folder, ALONE).count
    sampler = json.loads((folder / _SAMPLER).read_text("utf-8"))
    return {"shards": count, **_summary(folder, count), "sampler": sampler}


class _ShardBook:
    """Assigns prompts to shards, and holds the samples of incomplete shards.

    With N processes, each fills every Nth shard.
    """

    def __init__(self, job: Job, folder: Path, rank: Rank) -> None:
        self._job, self._folder, self._n, self._rank = job, folder, job.recipe.n_train, rank
        self._shard_of: dict[str, int] = {}
        self._order: dict[int, list[str]] = {}
        self._samples: dict[int, dict[tuple[str, int], Sample]] = {}
        self._size = max(1, _SHARD_SAMPLES // self._n)
        self.count = -(-job.prompt_count // self._size)
        self._mine = range(rank.number, self.count, rank.count)

    @property
    def prompts(self) -> int:
        """Number of prompts of this process."""
        return sum(map(self._prompts_of, self._mine))

    def finished(self) -> int:
        """Return the number of prompts whose samples are on disk."""
        return sum(self._prompts_of(number) for number in self._mine if self._has(number))

    def unfinished(self) -> Iterator[Prompt]:
        """Yield the prompts of the shards that are not on disk."""
        for _, group in self._missing():
            yield from group

    def assign(self) -> Iterator[Prompt]:
        """Yield the same prompts, and remember to which shard each belongs."""
        for number, group in self._missing():
            self._order[number] = [prompt.id for prompt in group]
            self._samples[number] = {}
            self._shard_of |= dict.fromkeys(self._order[number], number)
            yield from group

    def _missing(self) -> Iterator[tuple[int, list[Prompt]]]:
        prompts = read_prompts(self._job.prompts)
        for number in range(self.count):
            group = list(islice(prompts, self._size))
            if number in self._mine and not self._has(number):
                yield number, group

    def add(self, sample: Sample) -> None:
        """Add a sample; write the shard when it is complete."""
        number = self._shard_of.get(sample.prompt_id)
        if number is None or not 0 <= sample.index < self._n:
            raise InfrastructureError(f"the sampler returned a sample that was not requested: {sample.prompt_id!r}")
        samples, order = self._samples[number], self._order[number]
        samples[sample.prompt_id, sample.index] = sample
        if len(samples) == len(order) * self._n:
            shards.write_shard(self._folder, number, [samples[name, k] for name in order for k in range(self._n)])
            del self._samples[number], self._order[number]
            for name in order:
                del self._shard_of[name]

    def _prompts_of(self, number: int) -> int:
        return min(self._size, self._job.prompt_count - number * self._size)

    def _has(self, number: int) -> bool:
        return shards.has_shard(self._folder, number)


def _summary(folder: Path, count: int) -> dict[str, Any]:
    samples = tokens = truncated = 0
    for number in range(count):
        for sample in shards.read_shard(shards.shard_path(folder, number)):
            samples += 1
            tokens += len(sample.token_ids)
            truncated += sample.stop == "length"
    return {"samples": samples, "tokens": tokens, "truncated": truncated}
