import json
import os
import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def command(tmp_path_factory):
    """Run ``ssd-harness`` in a process and a state folder of its own, with a trainer that only copies the model."""
    folder = tmp_path_factory.mktemp("experiments")
    site = folder / "site"
    (site / "shortcuts-1.0.dist-info").mkdir(parents=True)
    (site / "shortcuts-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: shortcuts\nVersion: 1.0\n")
    (site / "shortcuts-1.0.dist-info" / "entry_points.txt").write_text("[ssd_harness]\nshortcuts = shortcuts\n")
    (site / "shortcuts.py").write_text(SHORTCUTS)
    (folder / "prompts.jsonl").write_text("".join(json.dumps({"prompt": f"Say {k}"}) + "\n" for k in range(8)))
    environment = {**os.environ, "SSD_HARNESS_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    environment |= {"PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1"}

    def run(*words, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "ssd_harness", *map(str, words)],
            capture_output=True,
            text=True,
            timeout=500,
            env=environment,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout, done.stderr

    run.folder, run.home, run.environment = folder, folder / "home", environment
    run.quick = [f"prompts={folder}/prompts.jsonl", "sampler=same", "filter=none", "trainer=copying"]
    run.quick += ["max_gen_toks_eval=8"]
    return run


SHORTCUTS = r"""
from ssd_harness.extensions.components import RECIPE_ENGINE, Sampler, Trainer
from ssd_harness.extensions.hookspecs import hookimpl

class Same:
    def __init__(self, model, recipe): pass
    def sample(self, prompts, seed):
        from ssd_harness.extensions.contracts import Sample
        return (Sample(prompt.id, 0, (5, 6, 7), (8, 9, 2), "a\nb", "eos") for prompt in prompts)
    def describe(self): return {}

def copying(model, recipe):
    import shutil
    class Trainer:
        def train(self, samples, folder, report):
            if recipe.seed == 666:
                raise RuntimeError("no luck")
            shutil.copytree(model, folder / "checkpoint", dirs_exist_ok=True)
            return {"losses": [1.0]}
    return Trainer()

@hookimpl
def ssd_samplers(): return [Sampler("same", Same, model_class=RECIPE_ENGINE)]

@hookimpl
def ssd_trainers(): return [Trainer("copying", copying)]
"""
