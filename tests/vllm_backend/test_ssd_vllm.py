import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed here; its tests have an environment of their own")
pytest.importorskip("trl")

import torch
from lm_eval.api.instance import Instance

from ssd_harness.artifacts import registry, shards
from ssd_harness.engines import choice, loading
from ssd_harness.engines.contracts import Decoding, GenerationRequest
from ssd_harness.errors import UsageError
from ssd_harness.harness import run_context
from ssd_harness.harness.models.engine_choice import VLLM_ARGUMENTS, engine_for, transformers_arguments
from ssd_harness.harness.models.hf import SsdHf
from ssd_harness.harness.models.vllm import SsdVllm, vllm_arguments
from ssd_harness.plugins.vllm_engine.engine import VllmEngine

pytestmark = [pytest.mark.vllm, pytest.mark.slow]

TASK = {"until": [], "do_sample": True, "temperature": 0.2, "top_p": 0.95, "max_gen_toks": 24}
FOREIGN = """\
task: count_on
dataset_path: json
dataset_kwargs: {data_files: {test: %s}}
test_split: test
output_type: generate_until
doc_to_text: "{{prompt}}"
doc_to_target: "x"
generation_kwargs: {until: ["\\n"], max_gen_toks: 8, do_sample: false}
metric_list: [{metric: exact_match}]
"""


@pytest.fixture(scope="module")
def made(tiny_vllm_model, vllm_home, tmp_path_factory):
    """One ``lm_eval --model ssd-hf`` with ``engine=vllm`` from the base to the answers: our task and another one."""
    folder = tmp_path_factory.mktemp("run")
    prompts = folder / "p.jsonl"
    prompts.write_text("".join(json.dumps({"id": f"p{k}", "prompt": f"Say {k}\nand {k}"}) + "\n" for k in range(8)))
    (folder / "tasks").mkdir()
    others = folder / "others.jsonl"
    others.write_text("".join(json.dumps({"prompt": f"Go on from {k} with"}) + "\n" for k in range(3)))
    (folder / "tasks" / "count_on.yaml").write_text(FOREIGN % others)
    fields = "filter=none,n_train=2,steps=1,max_new_tokens_train=16,max_length_train=256,batch_size_train=4,lr=1e-3"
    arguments = f"pretrained={tiny_vllm_model},engine=vllm,max_num_seqs=32,prompts={prompts},{fields},T_train=1.2,T_eval=1.3,top_k_eval=30,name=small"
    command = [sys.executable, "-m", "lm_eval", "--model", "ssd-hf", "--model_args", arguments]
    command += ["--tasks", "livecodebench_mini,count_on", "--include_path", str(folder / "tasks"), "--limit", "2"]
    command += ["--predict_only", "--log_samples", "--output_path", str(folder / "out"), "--seed", "7"]
    command += ["--metadata", '{"repeats": 3}', "--gen_kwargs", "max_gen_toks=16"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, env=os.environ.copy())
    assert done.returncode == 0, done.stderr[-3000:]
    (results,) = (folder / "out").rglob("results_*.json")
    samples = {
        file.name.split("_2")[0].removeprefix("samples_"): [json.loads(line) for line in file.read_text().splitlines()]
        for file in (folder / "out").rglob("samples_*.jsonl")
    }
    return SimpleNamespace(
        said=done.stderr,
        config=json.loads(results.read_text())["config"],
        samples=samples,
        checkpoint=registry.get("small"),
    )


def instances(count=3, repeats=4, first=0, task="ours"):
    made = []
    for number in range(first, first + count):
        text = f"Solve problem {number}"
        one = Instance(
            "generate_until", {"question_id": f"q{number}"}, (text, dict(TASK)), 0, metadata=(task, number, repeats)
        )
        run_context.current().add_request(one, [{"role": "user", "content": text}])
        made += [one] * repeats
    return made


def test_the_whole_run_from_lm_evals_command_line(made):
    about = made.config["ssd"]
    assert about["checkpoint"] == "small"
    assert about["transform"] == "made in this run"
    assert about["engine"] == {"name": "vllm", "reason": "as asked"}
    assert about["recipe"]["engine"] == "vllm"
    assert "engine: vLLM, as asked" in made.said
    assert about["recipe"]["sampler"] == "vllm"
    assert about["generations"]["engine"]["engine"] == "vllm@1"
    decoding = about["generations"]["decoding"]["livecodebench_mini"]
    assert (decoding["temperature"], decoding["top_k"], decoding["max_new_tokens"]) == (1.3, 30, 16)
    assert (decoding["seed"], decoding["template"]) == (7, "ssd-vllm")
    assert about["device"] == {"used": made.config["device"], "given": None}
    assert made.config["device"]
    assert made.config["gen_kwargs"] == {"max_gen_toks": 16}  # the other task is decoded otherwise
    assert "evaluation on livecodebench_mini: 6 programs, at most 96 tokens" in made.said
    responses = [row["resps"][0] for row in made.samples["livecodebench_mini"]]
    assert [len(set(texts)) for texts in responses] == [3, 3]


def test_ssd_vllm_is_the_same_with_the_engine_named(made, tmp_path):
    command = [sys.executable, "-m", "lm_eval", "--model", "ssd-vllm", "--model_args", "pretrained=ssd:small"]
    command += ["--tasks", "livecodebench_mini", "--limit", "1", "--predict_only", "--log_samples", "--seed", "7"]
    command += ["--output_path", str(tmp_path), "--metadata", '{"repeats": 3}', "--gen_kwargs", "max_gen_toks=16"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, env=os.environ.copy())
    assert done.returncode == 0, done.stderr[-3000:]
    (file,) = tmp_path.rglob("samples_*.jsonl")
    assert json.loads(file.read_text().splitlines()[0])["resps"] == made.samples["livecodebench_mini"][0]["resps"]
    (results,) = tmp_path.rglob("results_*.json")
    assert json.loads(results.read_text())["config"]["ssd"]["engine"]["name"] == "vllm"


def test_on_a_cpu_auto_is_transformers_all_the_same(tiny_vllm_model, vllm_home):
    model = SsdHf(pretrained=str(tiny_vllm_model), rounds=0)
    assert type(model) is SsdHf
    assert model.get_model_info()["ssd"]["engine"] == {
        "name": "transformers",
        "reason": "since no accelerator is used",
    }


def test_where_an_accelerator_is_there_auto_is_vllm(monkeypatch):
    seen = {}

    def build(self, pretrained=None, *, engine, **arguments):
        seen.update(arguments, pretrained=pretrained, reason=engine.reason)

    monkeypatch.setattr(choice, "accelerator", lambda _: "cuda")
    monkeypatch.setattr(choice, "installed_vllm", lambda: choice.InstalledVllm("vllm 9", for_cpu=False))
    monkeypatch.setattr(SsdVllm, "__init__", build)
    given = {"pretrained": "m", "max_num_seqs": 4, "trust_remote_code": True, "max_length": 99}
    made = SsdHf.create_from_arg_obj(given, {"batch_size": 1, "max_batch_size": None, "device": None})
    assert type(made) is SsdVllm
    assert seen == given | {"batch_size": 1, "reason": "since vllm 9 is installed and cuda is there"}
    assert engine_for({"attn_implementation": "sdpa"}).words == (
        "engine: transformers, since attn_implementation= is an argument of transformers alone"
    )
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "since lm_eval runs in several processes" in engine_for(given).words


def test_arguments_that_are_said_to_be_vllms_alone_are_so():
    assert vllm_arguments() >= VLLM_ARGUMENTS
    assert not VLLM_ARGUMENTS & transformers_arguments()


def test_other_tasks_are_lm_evals_own(made):
    assert [len(row["resps"][0]) for row in made.samples["count_on"]] == [1, 1]
    assert "count_on" not in made.config["ssd"]["generations"]["decoding"]


def test_the_training_samples_are_vllms_and_stored_whole(made, base, tiny_vllm_model, vllm_home):
    (folder,) = vllm_home.glob("samples/*")
    manifest = shards.read_manifest(folder)
    assert manifest["sampler"] == {
        "device": "cpu",
        "dtype": "float32",
        "vllm": base.get_model_info()["vllm_version"],
        "chat_template": True,
    }
    stored = {(sample.prompt_id, sample.index): sample for sample in shards.read_samples(folder)}
    assert len(stored) == manifest["samples"] == 16
    assert manifest["tokens"] == sum(len(sample.token_ids) for sample in stored.values())
    # Another process, with other lengths, draws the same from the same seed.
    asked = [GenerationRequest(one.prompt_id, one.index, one.prompt_ids) for one in stored.values()]
    engine = VllmEngine(base.model, stop_ids=loading.stop_ids(tiny_vllm_model, base.tokenizer))
    for again in engine.generate(asked, Decoding(1.2, 20, 0.8, 16), 0):
        sample = stored[again.request.key, again.request.index]
        assert (sample.token_ids, sample.stop) == (again.token_ids, again.stop.value)
        assert sample.text == base.tokenizer.decode(sample.token_ids, skip_special_tokens=True)


def test_rounds_zero_is_the_base_with_its_own_decoding(base, tiny_vllm_model):
    assert str(base.under_test.folder) == str(tiny_vllm_model)
    assert base.under_test.decoding == {"temperature": 0.9, "top_k": 30, "top_p": 0.95}


def test_one_request_at_a_time_is_nobodys_wish(base):
    assert base.batch_size == "auto"


def test_repeats_are_different_samples_and_do_not_depend_on_what_else_is_asked(base):
    requests = instances()
    whole = base.generate_until(requests, disable_tqdm=True)
    assert len(set(whole)) == len(whole)
    context = run_context.current()
    found = [context.generation(one, n % 4, text) for n, (one, text) in enumerate(zip(requests, whole, strict=True))]
    assert {generation.stop for generation in found} <= {"eos", "length"}
    for file in (base._responder._store(base._responder._resolve(instances()[0])).folder).glob("*.jsonl"):
        file.unlink()
    assert base.generate_until(instances(count=1, first=2), disable_tqdm=True) == whole[8:]


def test_our_prompts_get_the_chat_template_exactly_once(base):
    own, templated = instances(count=1, repeats=1) + instances(count=1, repeats=1, task="templated")
    run_context.current().add_request(templated, None)
    templated.arguments = (base.apply_chat_template([{"role": "user", "content": "Solve problem 0"}]), dict(TASK))
    ids = base._responder.prompt_ids(own, 8)
    assert ids == base._responder.prompt_ids(templated, 8)
    assert base.tokenizer.decode(ids).count("<|im_start|>") == 2


def test_starting_vllm_leaves_the_random_numbers_alone(base):
    assert torch.initial_seed() != 1234  # which is what lm-eval's class seeds vLLM with


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"pretrained": "/no/such/model", "prompts": "p.jsonl"}, "model not found"),
        ({"pretrained": "m", "tensor_paralel_size": 8}, "did you mean 'tensor_parallel_size'"),
        ({"pretrained": "m", "engine": "transformers"}, "ssd-vllm is vLLM"),
        (
            {"pretrained": "m", "attn_implementation": "sdpa"},
            "attn_implementation= is an argument of engine=transformers",
        ),
        ({"pretrained": "m", "lora_local_path": "a"}, "lora_local_path"),
        ({"pretrained": "m", "data_parallel_size": 2}, "tensor_parallel_size"),
    ],
)
def test_wrong_arguments_are_one_line(vllm_home, arguments, says):
    with pytest.raises(UsageError) as error:
        SsdVllm(**arguments)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_several_ranks_are_refused(vllm_home, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="tensor_parallel_size"):
        SsdVllm(pretrained="m")


def test_vllm_starts_only_when_the_checkpoint_is_there(made, vllm_home, monkeypatch):
    from ssd_harness.harness.models import vllm as module

    order = []
    find = module.prepare_model

    def finding(*arguments, **named):
        order.append("transform")
        return find(*arguments, **named)

    class Started(Exception):
        pass

    def starting(self, *_, **named):
        order.append(named["pretrained"])
        raise Started

    monkeypatch.setattr(module, "prepare_model", finding)
    monkeypatch.setattr(module.LmEvalVllm, "__init__", starting)
    with pytest.raises(Started):
        SsdVllm(pretrained="ssd:small")
    assert order == ["transform", str(made.checkpoint.path)]
