import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

import lm_eval  # noqa: E402 - after the check that torch is here
import numpy as np  # noqa: E402
from lm_eval.api.instance import Instance  # noqa: E402

from ssd_harness.artifacts import registry  # noqa: E402
from ssd_harness.errors import UsageError  # noqa: E402
from ssd_harness.harness import patches, run_context  # noqa: E402
from ssd_harness.harness.evaluation_request import EvaluationRequest  # noqa: E402
from ssd_harness.harness.models.hf import SsdHf  # noqa: E402
from ssd_harness.harness.run_context import RunContext  # noqa: E402
from ssd_harness.home import home  # noqa: E402

pytestmark = [pytest.mark.hf, pytest.mark.slow]

TASK = {"until": [], "do_sample": True, "temperature": 0.2, "top_p": 0.95, "max_gen_toks": 24}


def random_state():
    numpy = np.random.get_state()[1].tolist()  # noqa: NPY002 - see below
    return random.getstate(), numpy, torch.get_rng_state()


@pytest.fixture(scope="module")
def made(tiny_model, tmp_path_factory):
    """A state folder with one small distilled checkpoint, made through the model class."""
    folder = tmp_path_factory.mktemp("ssd-hf")
    (folder / "p.jsonl").write_text("".join(json.dumps({"prompt": f"Say {k}\nand {k}"}) + "\n" for k in range(8)))
    patch = pytest.MonkeyPatch()
    patch.setenv("SSD_HARNESS_HOME", str(folder / "home"))
    patch.setenv("OMP_NUM_THREADS", "1")
    arguments = {
        "pretrained": str(tiny_model),
        "prompts": str(folder / "p.jsonl"),
        "filter": "none",
        "steps": 1,
        "max_new_tokens_train": 16,
        "max_length_train": 256,
        "batch_size_train": 4,
        "lr": 1e-3,
        "T_eval": 1.3,
        "top_k_eval": 30,
        "top_p_eval": 1.0,
        "name": "small",
    }
    random.seed(1)
    np.random.seed(2)  # noqa: NPY002 - the generator that lm-eval seeds
    torch.manual_seed(3)
    before = random_state()
    model = SsdHf(**arguments)
    after = random_state()
    yield SimpleNamespace(model=model, arguments=arguments, before=before, after=after)
    patch.undo()


def instances(count=3, repeats=4, own=True, first=0, task="ours"):
    made = []
    for number in range(first, first + count):
        doc = {"question_id": f"q{number}"}
        text = f"Solve problem {number}"
        one = Instance("generate_until", doc, (text, dict(TASK)), 0, metadata=(task, number, repeats))
        if own:
            run_context.current().add_request(one, [{"role": "user", "content": text}])
        made += [one] * repeats
    return made


def generations(requests, responses):
    """Return what the run context knows about the responses of ``instances()``."""
    numbered = enumerate(zip(requests, responses, strict=True))
    context = run_context.current()
    return [context.generation(one, number % one.repeats, text) for number, (one, text) in numbered]


def forget():
    """Remove all stored generations: what comes next is drawn anew."""
    shutil.rmtree(home() / "generations", ignore_errors=True)


def answers(model, requests, *, anew=False):
    if anew:
        forget()
    return model.generate_until(requests, disable_tqdm=True)


def test_random_states_are_left_alone(made):
    assert made.before[:2] == made.after[:2]
    assert made.before[2].equal(made.after[2])


def test_the_checkpoint_is_registered_and_found_again(made):
    assert registry.get("small").path == made.model.under_test.folder
    assert made.model.under_test.about["transform"] == "made in this run"
    state = torch.get_rng_state()
    torch.manual_seed(99)  # what lm-eval's --seed does
    again = SsdHf(**made.arguments)
    torch.set_rng_state(state)
    assert again.under_test.about["transform"] == "reused"
    assert again.under_test.folder == made.model.under_test.folder


def test_what_was_done_is_in_the_model_info(made):
    answers(made.model, instances())
    about = json.loads(json.dumps(made.model.get_model_info()["ssd"]))
    assert about["fingerprint"] == registry.get("small").fingerprint
    assert about["base"]["name"] == made.arguments["pretrained"]
    assert about["prompts"]["count"] == 8
    assert about["rounds"][0]["sample"]["samples"] == 8
    assert about["rounds"][0]["train"]["last_loss"] > 0
    decoding = about["generations"]["decoding"]["ours"]
    assert (decoding["temperature"], decoding["top_k"], decoding["max_new_tokens"]) == (1.3, 30, 24)
    assert decoding["origins"] == {
        "temperature": "--model_args",
        "top_k": "--model_args",
        "top_p": "--model_args",
        "max_gen_toks": "task",
    }


def test_repeats_are_different_samples_and_the_same_next_time(made):
    first = answers(made.model, instances())
    assert len(set(first)) == len(first)
    assert answers(made.model, instances(), anew=True) == first
    # Of another rank or after a restart: only some of the problems, in another order.
    assert answers(made.model, instances(count=1, first=2), anew=True) == first[8:]


def test_each_answer_knows_its_tokens_and_why_it_ended(made):
    # A model of random weights rarely ends by itself within so few tokens.
    requests = instances(count=60)
    found = generations(requests, answers(made.model, requests))
    assert {generation.stop for generation in found} == {"eos", "length"}
    assert all(generation.tokens == TASK["max_gen_toks"] for generation in found if generation.truncated)
    assert all(1 <= generation.tokens <= TASK["max_gen_toks"] for generation in found)


def test_only_what_is_missing_is_drawn(made, monkeypatch):
    requests = instances()
    whole = answers(made.model, requests, anew=True)
    before = generations(requests, whole)
    assert None not in before
    (file,) = home().glob("generations/*/rank-0.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:5]) + lines[5][:40])  # killed inside its sixth sample
    drawn, engine = [], made.model._responder.engine
    generate = engine.generate

    def counting(requests, *rest):
        drawn.extend(requests)
        return generate(drawn, *rest)

    monkeypatch.setattr(engine, "generate", counting)
    requests = instances()
    again = answers(made.model, requests)
    assert again == whole
    assert generations(requests, again) == before
    assert len(drawn) == len(whole) - 5


def test_the_store_is_another_for_each_thing_that_decides_a_sample(made):
    def folders():
        return {folder.name for folder in home().glob("generations/*")}

    forget()
    answers(made.model, instances(count=1))
    first = folders()
    requests = instances(count=1)
    requests[0].arguments = (requests[0].args[0], {**TASK, "until": ["x"]})
    answers(made.model, requests)
    assert folders() == first  # stop texts are cut from what is stored
    requests[0].arguments = (requests[0].args[0], {**TASK, "max_gen_toks": 25})
    answers(made.model, requests)
    assert len(folders()) == 2
    before, state = answers(made.model, instances()), torch.get_rng_state()
    torch.manual_seed(4)
    assert set(answers(made.model, instances())).isdisjoint(before)
    torch.set_rng_state(state)


def test_copies_beyond_the_repeats_are_not_generated(made):
    requests = instances(count=1)
    padded = [*requests, requests[0], requests[0]]
    assert answers(made.model, padded) == [*answers(made.model, requests), "", ""]


def test_our_prompts_get_the_chat_template_exactly_once(made):
    (own, *_), (templated, *_), (raw, *_) = (instances(task=task) for task in ("chat", "templated", "raw"))
    for one in (templated, raw):  # lm-eval applied the template, or it is a raw completion prompt
        run_context.current().add_request(one, None)
    templated.arguments = (made.model.apply_chat_template([{"role": "user", "content": "Solve problem 0"}]), dict(TASK))
    ids = made.model._responder.prompt_ids(own, 8)
    assert ids == made.model._responder.prompt_ids(templated, 8)
    assert made.model.tokenizer.decode(ids).count("<|im_start|>") == 2
    assert made.model.tokenizer.decode(made.model._responder.prompt_ids(raw, 8)) == "Solve problem 0"


def test_gen_kwargs_of_the_user_win(made):
    with run_context.entered(RunContext(request=EvaluationRequest(gen_kwargs={"do_sample": False}))):
        greedy = answers(made.model, instances(count=1))
    assert len(set(greedy)) == 1


def test_requests_of_other_tasks_are_lm_evals_own(made):
    foreign = instances(count=1, repeats=1, own=False, task="theirs")
    greedy = {"until": ["x"], "do_sample": False, "max_gen_toks": 8}
    foreign[0].arguments = (foreign[0].args[0], greedy)
    mixed = answers(made.model, [*instances(count=1), *foreign])
    from lm_eval.models.huggingface import HFLM

    theirs = HFLM(pretrained=str(made.model.under_test.folder), device="cpu", dtype="float32")
    assert mixed[-1] == theirs.generate_until(foreign, disable_tqdm=True)[0]
    assert mixed[:-1] == answers(made.model, instances(count=1))


def test_a_context_that_is_too_short_says_what_fits(made):
    requests = instances(count=1)
    requests[0].arguments = (requests[0].args[0], {**TASK, "max_gen_toks": 5000})
    with pytest.raises(UsageError, match="give --gen_kwargs max_gen_toks=9"):
        answers(made.model, requests)


@pytest.mark.parametrize("said", ["in words", "in a file"])
def test_rounds_zero_is_the_base_with_its_own_decoding(made, tmp_path, said):
    (tmp_path / "base.yaml").write_text("rounds: 0\n")
    how = {"rounds": 0} if said == "in words" else {"recipe": str(tmp_path / "base.yaml")}
    base = SsdHf(pretrained=made.arguments["pretrained"], **how)
    assert str(base.under_test.folder) == made.arguments["pretrained"]
    assert base.under_test.decoding == {"temperature": 0.9, "top_k": 30, "top_p": 0.95}
    assert base.under_test.about["transform"] == "none (rounds=0)"


def test_a_registered_name_is_loaded_and_not_transformed(made):
    loaded = SsdHf(pretrained="ssd:small")
    assert loaded.under_test.folder == made.model.under_test.folder
    assert loaded.under_test.decoding["temperature"] == 1.3
    assert answers(loaded, instances(), anew=True) == answers(made.model, instances(), anew=True)
    with pytest.raises(UsageError, match="rounds=1"):
        SsdHf(pretrained="ssd:small", T_train=1.0)


def test_weights_are_float32_on_the_cpu(made):
    assert made.model.model.dtype == torch.float32


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"pretrained": "/no/such/model", "prompts": "p.jsonl"}, "model not found"),
        ({"pretrained": "ssd:nobody"}, "no checkpoint is called"),
        ({"pretrained": "TINY", "T_trian": 1}, "did you mean 'T_train'"),
        ({"pretrained": "TINY"}, "give prompts="),
        ({"pretrained": "TINY", "prompts": "/no/such.jsonl"}, "the prompt file does not exist"),
    ],
)
def test_wrong_arguments_are_one_line(made, arguments, says):
    with pytest.raises(UsageError) as error:
        SsdHf(**{**arguments, "pretrained": arguments["pretrained"].replace("TINY", made.arguments["pretrained"])})
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def lm_eval_command(folder, *launcher, limit, repeats, length, model="pretrained=ssd:small"):
    arguments = ["-m", "lm_eval", "--model", "ssd-hf", "--model_args", f"{model},device=cpu"]
    arguments += ["--tasks", "livecodebench_mini", "--predict_only", "--limit", str(limit), "--log_samples"]
    arguments += ["--metadata", json.dumps({"repeats": repeats}), "--gen_kwargs", f"max_gen_toks={length}"]
    return [*(launcher or [sys.executable]), *arguments, "--batch_size", "2", "--output_path", str(folder)]


def run_to_the_end(command, **environment):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=os.environ | environment)
    assert done.returncode == 0, done.stderr
    return done.stderr


def logged_responses(folder):
    (samples,) = folder.rglob("samples_*.jsonl")
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    return {row["doc_id"]: row["resps"][0] for row in rows}


def stored_lines():
    return [line for file in home().glob("generations/*/rank-*.jsonl") for line in file.read_bytes().splitlines()]


def test_a_killed_command_goes_on_with_what_is_missing_and_ends_with_the_same_samples(made, tmp_path, monkeypatch):
    forget()
    command = lm_eval_command(tmp_path / "out", limit=6, repeats=3, length=192)
    with (tmp_path / "said").open("wb") as said:
        first = subprocess.Popen(command, stdout=said, stderr=said, env=os.environ.copy())
        deadline = time.monotonic() + 300
        while len(stored_lines()) < 5 and first.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        first.kill()
        assert first.wait() == -signal.SIGKILL, (tmp_path / "said").read_text()
    kept = stored_lines()
    assert 5 <= len(kept) < 18
    assert "of 18 generations from" in run_to_the_end(command)
    assert set(kept) <= set(stored_lines())
    about = json.loads(next((tmp_path / "out").rglob("results_*.json")).read_text())["config"]["ssd"]
    assert about["checkpoint"] == "small"
    assert about["generations"]["decoding"]["livecodebench_mini"]["origins"]["max_gen_toks"] == "--gen_kwargs"

    monkeypatch.setenv("SSD_HARNESS_HOME", str(tmp_path / "elsewhere"))
    patches.activate()
    options = {"limit": 6, "predict_only": True, "gen_kwargs": {"max_gen_toks": 192}, "metadata": {"repeats": 3}}
    whole = lm_eval.simple_evaluate(model=made.model, tasks=["livecodebench_mini"], **options)
    uninterrupted = {row["doc_id"]: row["resps"][0] for row in whole["samples"]["livecodebench_mini"]}
    assert logged_responses(tmp_path / "out") == uninterrupted
    assert whole["config"]["ssd"]["run"] == about["run"]


@pytest.fixture
def watched(tmp_path):
    """The environment in which ranks and stages are watched, and the file with what they did."""
    site, lines = tmp_path / "site", tmp_path / "watched"
    about = site / "watching-1.0.dist-info"
    about.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("watching.py"), site)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: watching\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[ssd_harness]\nwatching = watching\n")
    return {"PYTHONPATH": str(site), "WATCHED": str(lines)}, lines


def test_two_ranks_make_one_checkpoint_share_the_work_and_draw_the_same_samples(made, tmp_path, watched):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment, lines = watched
    forget()
    model = ",".join(f"{name}={value}" for name, value in {**made.arguments, "seed": 7, "name": "fresh"}.items())
    command = lm_eval_command(tmp_path / "both", *torchrun, limit=3, repeats=2, length=16, model=model)
    said = run_to_the_end(command, **environment)
    events = [json.loads(line) for line in lines.read_text().splitlines()]
    # One rank has the checkpoint made, in other processes; until it is there, neither of both begins anything.
    assert events[:3] == [["stage", name] for name in ("sample", "filter", "train")]
    begun = {(what, rank): there for what, rank, there in events[3:]}
    wanted = ("init_process_group", "from_pretrained", "destroy_process_group")  # no rank ends with its group still up
    assert begun.keys() >= {(what, rank) for what in wanted for rank in (0, 1)}
    assert all(there for *_, there in events[3:]), events
    assert said.count("ssd-harness: self-distillation of") == 1
    assert "0/6" not in said  # no rank generates everything
    assert {file.name for file in home().glob("generations/*/*.jsonl")} == {"rank-0.jsonl", "rank-1.jsonl"}
    both = logged_responses(tmp_path / "both")
    assert [len(responses) for responses in both.values()] == [2, 2, 2]  # without the copies that even the ranks out
    forget()
    run_to_the_end(lm_eval_command(tmp_path / "alone", limit=3, repeats=2, length=16, model=model))
    assert both == logged_responses(tmp_path / "alone")


def test_no_rank_touches_a_device_or_a_process_group_before_the_checkpoint_is_there(made, monkeypatch):
    from lm_eval.models.huggingface import HFLM

    order = []
    from ssd_harness.harness.models import hf

    find, build = hf.prepare_model, HFLM.__init__

    def finding(*arguments, **named):
        order.append(("transform", torch.distributed.is_initialized(), torch.cuda.is_initialized()))
        return find(*arguments, **named)

    def building(self, *arguments, **named):
        order.append("model")
        return build(self, *arguments, **named)

    monkeypatch.setattr(hf, "prepare_model", finding)
    monkeypatch.setattr(HFLM, "__init__", building)
    SsdHf(pretrained="ssd:small")
    assert order == [("transform", False, False), "model"]
