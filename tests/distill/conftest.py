import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest


class Distiller:
    """Runs ``ssd-harness distill`` on the tiny model, as a user would."""

    def __init__(self, model, folder):
        self.model, self.folder = model, folder
        self.prompts = folder / "prompts.jsonl"
        lines = [json.dumps({"id": f"p{k}", "prompt": f"Count from {k}\nto {k * 7 % 50}."}) for k in range(150)]
        self.prompts.write_text("\n".join(lines))

    def command(self, **fields):
        small = {
            "prompts": self.prompts,
            "filter": "none",
            "T_train": 1.2,
            "max_new_tokens_train": 32,
            "max_length_train": 256,
            "steps": 30,
            "batch_size_train": 4,
            "lr": 1e-3,
        }
        words = [f"{name}={value}" for name, value in {**small, **fields}.items()]
        return [sys.executable, "-m", "ssd_harness", "distill", str(self.model), *words]

    def environment(self, home, **extra):
        return {**os.environ, "SSD_HARNESS_HOME": str(self.folder / home), "OMP_NUM_THREADS": "1", **extra}

    def start(self, home, environment=None, **fields):
        return subprocess.Popen(
            self.command(**fields),
            env=self.environment(home, **(environment or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, home, environment=None, **fields):
        process = self.start(home, environment, **fields)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    def checkpoint(self, home):
        (only,) = (self.folder / home / "models").glob("[!.]*")  # beside the registry's lock
        return only

    def weights(self, home):
        from safetensors.torch import load_file

        return load_file(self.checkpoint(home) / "model.safetensors")

    def samples(self, home):
        return [shard.read_bytes() for shard in sorted(self.stage(home, "sample").glob("*.parquet"))]

    def stage(self, home, name):
        (only,) = (self.folder / home / {"sample": "samples", "filter": "kept", "train": "training"}[name]).glob(
            "[!.]*"
        )
        return only


@pytest.fixture(scope="session")
def distiller(tiny_model, tmp_path_factory):
    return Distiller(tiny_model, tmp_path_factory.mktemp("distill"))


@pytest.fixture(scope="session")
def whole(distiller):
    """An undisturbed run, and what it printed."""
    # Variables of a distributed launch must not reach the stages: they would wait for another rank for ever.
    rank = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    code, out, err = distiller.run("whole", rank)
    assert code == 0, err
    return out, err


@pytest.fixture(scope="session")
def until():
    def wait(condition, seconds=120):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := condition():
                return found
            time.sleep(0.01)
        raise AssertionError(f"nothing happened within {seconds} s")

    return wait


@pytest.fixture(scope="session")
def stages_of():
    """Process ids of the stages that work below a folder: all of them, or those of one rank."""

    def find(folder: Path, rank=None):
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = entry.read_bytes().split(b"\0")
                variables = (entry.parent / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            modules = {b"ssd_harness.distill.stage", b"ssd_harness.distill.launch"} & set(words)
            ours = modules and any(word.startswith(bytes(folder)) for word in words)
            if ours and (rank is None or f"RANK={rank}".encode() in variables):
                found.append(int(entry.parent.name))
        return found

    return find


PLUGIN = r"""
import contextlib, importlib, os, pathlib, signal, sys

from ssd_harness.extensions.components import RECIPE_ENGINE, Filter, Sampler, Trainer
from ssd_harness.extensions.hookspecs import hookimpl

class Silent:
    def __init__(self, model, recipe): pass
    def sample(self, prompts, seed): return iter(())
    def describe(self): return {}

class Babbling(Silent):
    def sample(self, prompts, seed):
        from ssd_harness.extensions.contracts import Sample
        return (Sample(prompt.id, 0, (5, 6, 7), (8, 9, 2), "a\nb", "eos") for prompt in prompts)

class Coding(Silent):
    # Adds two numbers, and for every third prompt does not.
    def sample(self, prompts, seed):
        from ssd_harness.extensions.contracts import Sample
        for number, prompt in enumerate(prompts):
            code = "print(sum(map(int, input().split())))" if number % 3 else "print(input())"
            yield Sample(prompt.id, 0, (5, 6, 7), (8, 9, 2), f"```python\n{code}\n```", "eos")

class Counting(Silent):
    # Each sample is another one.
    def sample(self, prompts, seed):
        from ssd_harness.extensions.contracts import Sample
        for prompt in prompts:
            number = int(prompt.id[1:])
            yield Sample(prompt.id, 0, (5, 6, 7), (8, 9, number, 2), f"{number}\nb", "eos")

class Tiring(Counting):
    # Stops in its second shard.
    def sample(self, prompts, seed):
        from itertools import islice
        return islice(super().sample(prompts, seed), None if os.environ.get("CAUSE_GONE") else 100)

class Gated(Counting):
    # Notes which prompts it is asked about, and waits in its second shard for a file.
    def sample(self, prompts, seed):
        import pathlib, time
        for sample in super().sample(prompts, seed):
            with open(os.environ["DRAWN"], "a") as notes:
                notes.write(sample.prompt_id + "\n")
            while int(sample.prompt_id[1:]) == 100 and not pathlib.Path(os.environ["GATE"]).exists():
                time.sleep(0.02)
            yield sample

class Crashing(Silent):
    def sample(self, prompts, seed): raise RuntimeError("out of \x1b[31mluck")

class Parting(Silent):
    # Leaves a process behind that holds on to all it has inherited, and is killed.
    def sample(self, prompts, seed):
        import os, signal, time
        if not os.fork():
            time.sleep(300)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)

class Haunted(Silent):
    # Has a child in a session of its own, which holds on to all it has inherited and does not hear SIGTERM.
    def sample(self, prompts, seed):
        import os, pathlib, signal, time
        if not os.fork():
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            pathlib.Path(os.environ["GHOST"]).write_text(str(os.getpid()))
        time.sleep(300)
        os._exit(0)

class Quitting(Silent):
    def sample(self, prompts, seed):
        import os
        os._exit(0)

class Forgetful(Silent):
    def sample(self, prompts, seed): open("/no/such/word list")

class Copying:
    # Hands the base model on, its weights changed by what each kind of trainer does to them.
    losses = [1.0]

    def __init__(self, model, recipe): self.model = model

    def train(self, samples, folder, report):
        import shutil
        from safetensors.torch import load_file, save_file
        shutil.copytree(self.model, folder / "checkpoint", dirs_exist_ok=True)
        file = folder / "checkpoint" / "model.safetensors"
        tensors = load_file(file)
        self.change(tensors["model.norm.weight"], samples)
        save_file(tensors, file, {"format": "pt"})
        (folder / "state").mkdir(exist_ok=True)
        (folder / "state" / "optimizer.pt").write_bytes(b"x")
        return {"losses": self.losses}

    def change(self, weights, samples): pass

class Summing(Copying):
    def change(self, weights, samples):
        for place, sample in enumerate(samples):
            weights[0] += place * sum(sample.token_ids) / 1000

class Losing(Copying):
    # Leaves out a weight, whose place transformers would fill with random numbers.
    def train(self, samples, folder, report):
        from safetensors.torch import load_file, save_file
        trained = super().train(samples, folder, report)
        file = folder / "checkpoint" / "model.safetensors"
        tensors = load_file(file)
        del tensors["model.layers.1.mlp.up_proj.weight"]
        save_file(tensors, file, {"format": "pt"})
        return trained

class Broken(Copying):
    losses = []
    def change(self, weights, samples): weights[0] = float("inf")

@hookimpl
def ssd_samplers():
    kinds = [Silent, Crashing, Babbling, Coding, Counting, Tiring, Parting, Quitting, Forgetful, Haunted, Gated]
    return [Sampler(kind.__name__.lower(), kind, model_class=RECIPE_ENGINE) for kind in kinds]

@hookimpl
def ssd_sample_filters():
    from ssd_harness.distill.filters import keep_if
    return [
        Filter("nothing", lambda argument, recipe: keep_if(lambda one: bool(os.environ.get("CAUSE_GONE")), "no good")),
        Filter("thirds", lambda argument, recipe: keep_if(lambda one: int(one.prompt.id[1:]) % 3 > 0, "a third")),
    ]

@hookimpl
def ssd_trainers(): return [Trainer(kind.__name__.lower(), kind) for kind in (Broken, Losing, Copying, Summing)]

def die():
    # Ends the command, and this process, if this is a stage: between them is the supervisor.
    if "ssd_harness.distill.stage" in sys.orig_argv:
        supervisor = pathlib.Path(f"/proc/{os.getppid()}/stat").read_text()
        os.kill(int(supervisor.rpartition(")")[2].split()[1]), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)

def fill():
    # Leaves no room on the disk.
    with open(os.environ["FILLER"], "wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(bytes(4096))

def at(place, do):
    # Does it before or after a call.
    when, module, name = place.split(":")
    module = importlib.import_module(module)
    original = getattr(module, name)
    def watched(*arguments, **named):
        if when == "before":
            do()
        returned = original(*arguments, **named)
        if when == "after":
            do()
        return returned
    setattr(module, name, watched)

for variable, do in {"DIE_AT": die, "FILL_AT": fill}.items():
    if variable in os.environ:
        at(os.environ[variable], do)
"""


@pytest.fixture(scope="session")
def plugin(tmp_path_factory):
    """The environment of a process in which a distribution with hooks of its own is installed."""
    site = tmp_path_factory.mktemp("site")
    (site / "misbehaving.py").write_text(PLUGIN)
    about = site / "misbehaving-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: misbehaving\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[ssd_harness]\nmisbehaving = misbehaving\n")
    return {"PYTHONPATH": str(site)}
