"""A real pretrained model from base to verdicts, on two problems: what random weights cannot show."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from lm_eval.api.instance import Instance  # noqa: E402
from pretrained import smollm2  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from ssd_harness.artifacts import registry, shards  # noqa: E402
from ssd_harness.harness import run_context  # noqa: E402
from ssd_harness.harness.models.hf import SsdHf  # noqa: E402

pytestmark = [pytest.mark.hf, pytest.mark.pretrained, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder():
    return smollm2()


@pytest.fixture(scope="module")
def base(folder, tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("SSD_HARNESS_HOME", str(tmp_path_factory.mktemp("pretrained") / "home"))
    yield SsdHf(pretrained=str(folder), rounds=0)
    patch.undo()


def asked(text, *, length=12, **decoding):
    one = Instance(
        "generate_until",
        {"question_id": text},
        (text, {"until": [], "max_gen_toks": length, **decoding}),
        0,
        metadata=("ours", 0, 1),
    )
    run_context.current().add_request(one, [{"role": "user", "content": text}])
    return [one]


def test_it_answers_a_question_and_ends_by_itself(base):
    requests = asked("What is the capital of France?", do_sample=False)
    (text,) = base.generate_until(requests, disable_tqdm=True)
    assert "Paris" in text
    assert run_context.current().generation(requests[0], 0, text).stop == "eos"


def test_greedy_equals_transformers_own(base, folder):
    question = "Write a Python function that adds two numbers."
    (text,) = base.generate_until(asked(question, length=12, do_sample=False), disable_tqdm=True)
    ids = base._responder.prompt_ids(asked(question)[0], 12)
    # The model's own template puts a system message in front.
    assert base.tokenizer.decode(ids).startswith("<|im_start|>system\nYou are a helpful AI assistant named SmolLM")
    theirs = base.model.generate(torch.tensor([ids]), max_new_tokens=12, do_sample=False)[0, len(ids) :]
    assert text == base.tokenizer.decode(theirs, skip_special_tokens=True)


@pytest.fixture(scope="module")
def made(folder, docker_sandbox, tmp_path_factory):
    """The whole method, small: one step on four samples, then two problems with two samples each, judged."""
    where = tmp_path_factory.mktemp("ssd")
    questions = [f"Write a Python program that reads a number and prints it {k} times." for k in range(2, 6)]
    (where / "p.jsonl").write_text("".join(json.dumps({"prompt": text}) + "\n" for text in questions))
    fields = "T_train=0.8,max_new_tokens_train=24,steps=1,batch_size_train=2,micro_batch_size=2,lr=1e-5"
    arguments = f"pretrained={folder},prompts={where / 'p.jsonl'},{fields},name=smol"
    command = [sys.executable, "-m", "lm_eval", "--model", "ssd-hf", "--model_args", arguments]
    command += ["--tasks", "livecodebench_mini", "--limit", "2", "--metadata", '{"repeats": 2}', "--log_samples"]
    command += ["--gen_kwargs", "max_gen_toks=32", "--output_path", str(where / "out")]
    environment = {**os.environ, "SSD_HARNESS_HOME": str(where / "home"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    (results,) = (where / "out").rglob("results_*.json")
    (samples,) = (where / "out").rglob("samples_*.jsonl")
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    return SimpleNamespace(home=where / "home", results=json.loads(results.read_text()), rows=rows)


def test_it_goes_the_whole_way_from_base_to_verdicts(made):
    assert made.results["results"]["livecodebench_mini"]["pass@1,none"] >= 0
    about = made.results["config"]["ssd"]
    assert about["transform"] == "made in this run"
    assert about["rounds"][0]["sample"]["samples"] == 4
    # A pretrained model writes code where it is asked for it; random weights do not.
    texts = [text for row in made.rows for text in row["resps"][0]]
    assert len(texts) == 4
    assert sum("```python" in text for text in texts) >= 2


def test_the_checkpoint_is_the_base_moved_a_little(made, folder, monkeypatch):
    monkeypatch.setenv("SSD_HARNESS_HOME", str(made.home))
    checkpoint = registry.get("smol")
    before, after = (load_file(path / "model.safetensors") for path in (folder, checkpoint.path))
    moved = max(float((after[name].float() - before[name].float()).abs().max()) for name in before)
    assert 0 < moved < 0.02
    (stage,) = made.home.glob("samples/*")
    texts = [sample.text for sample in shards.read_samples(stage)]
    assert len(texts) == 4
    assert all(text.isprintable() or "\n" in text for text in texts)
