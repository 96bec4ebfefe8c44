"""One stage of the transform over many prompts, in a process of its own: prints its CPU seconds and its memory.

``python -m bench.prompt_stages STAGE FOLDER COUNT``; the sampler answers at once, everything else is the real thing.
"""

import json
import random
import sys
import time
from pathlib import Path

from bench import resident

from ssd_harness.artifacts import shards
from ssd_harness.distill import filtering, sampling
from ssd_harness.distill.job import Job
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import RECIPE_ENGINE, Sampler
from ssd_harness.extensions.contracts import Sample
from ssd_harness.extensions.hookspecs import hookimpl
from ssd_harness.progress import Reporter
from ssd_harness.prompts import prompt_set
from ssd_harness.prompts.overlap.search import EvaluatedText, search
from ssd_harness.recipe.definition import Recipe

STAGES = ("collect", "sketch", "guard", "sample", "filter", "read")
WORDS, TOKENS = 100, 64
VOCABULARY = [f"w{number}" for number in range(5000)]
PROBLEMS = 131
QUIET = Reporter(None, "")


def text(seed, words=WORDS):
    return " ".join(random.Random(seed).choices(VOCABULARY, k=words))


class Prompt:
    """Stands in for the sampler: some tokens for each prompt, at once."""

    def __init__(self, model, recipe):
        pass

    def sample(self, prompts, seed):
        ids = tuple(range(TOKENS))
        for prompt in prompts:
            yield Sample(prompt.id, 0, ids, ids, f"{prompt.id}\n" + "x" * 4 * TOKENS, "eos")

    def describe(self):
        return {}


class Plugin:
    @hookimpl
    def ssd_samplers(self):
        return [Sampler("prompt", Prompt, model_class=RECIPE_ENGINE, version="1")]


def write(folder, count):
    with (folder / "prompts.jsonl").open("w") as stream:
        for number in range(count):
            stream.write(json.dumps({"id": f"p{number}", "prompt": text(number)}) + "\n")


def job(folder, stage, recipe):
    """Return the stage's job over the prompts that the first stage has stored."""
    stored = next(path for path in (folder / "home/prompts").glob("*.jsonl"))
    count = sum(1 for _ in stored.open())
    (folder / stage).mkdir(exist_ok=True)
    return Job(stage, recipe, folder, stored, count, 0, folder / "sample")


def run(stage, folder):
    """Carry out one stage, as a stage's process does."""
    recipe = Recipe(prompts=str(folder / "prompts.jsonl"), sampler="prompt")
    match stage:
        case "collect":
            prompt_set.collect(recipe)
        case "sketch":
            prompt_set.PromptSet(job(folder, "sample", recipe).prompts, "", 0, 0).sketch()
        case "guard":
            (path,) = (folder / "home/prompts").glob("*.parquet")
            assert search([path], [EvaluatedText(f"q{k}", text(f"q{k}", 300)) for k in range(PROBLEMS)]) == []
        case "sample":
            shards.write_manifest(
                folder / "sample", sampling.run(job(folder, "sample", recipe), folder / "sample", QUIET)
            )
        case "filter":
            shards.write_manifest(
                folder / "filter", filtering.run(job(folder, "filter", recipe), folder / "filter", QUIET)
            )
        case "read":
            assert all(sample.token_ids for sample in shards.read_samples(folder / "filter"))


if __name__ == "__main__":
    stage, folder = sys.argv[1], Path(sys.argv[2])
    if stage == "write":
        write(folder, int(sys.argv[3]))
    else:
        # What a stage imports, pyarrow's pandas among it, is not what a prompt costs.
        import pyarrow as pa
        import pyarrow.parquet

        pa.table({"number": [1]}).to_pylist()
        plugin_manager.plugin_manager().register(Plugin())
        started = time.process_time()
        run(stage, folder)
        memory = resident.peak_bytes() / 1e6
        print(json.dumps([time.process_time() - started, memory]))
