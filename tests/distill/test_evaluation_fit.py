"""What an evaluation takes is counted before anything is sampled, and what is named as fitting fits."""

from dataclasses import replace

import pytest

from ssd_harness.distill.evaluation_fit import evaluation_line, evaluation_memory, evaluation_misfits, evaluation_ways
from ssd_harness.estimates.device_memory import gigabytes
from ssd_harness.estimates.evaluation_cost import Evaluation, EvaluationEngine
from ssd_harness.estimates.machine import Machine, usual_gpu
from ssd_harness.estimates.model_size import size_of
from ssd_harness.harness.models.cost_inputs import evaluation_engine, standard_evaluation
from ssd_harness.recipe.presets import launches
from ssd_harness.recipe.resolution import resolve

BIG, LLAMA = "Qwen/Qwen3-4B-Instruct-2507", "meta-llama/Llama-3.1-8B-Instruct"
V6 = Evaluation(("livecodebench_v6",), 1310, 1310 * 65_536, 65_536)


def memory_of(model, evaluation=V6, *, half=True):
    return evaluation.memory(size_of(model, None), stored=2, half=half)


def test_the_papers_evaluation_costs_what_a_hand_reckons():
    evaluation = standard_evaluation(resolve(LLAMA, {}).recipe)
    assert evaluation_line(evaluation) == "evaluation on livecodebench_v6: 1,310 programs, at most 85,852,160 tokens"
    # By the model's card: 8.03 billion parameters, 32 layers, 8 heads of keys and values of 128 numbers, 32 of queries.
    memory, tokens = memory_of(LLAMA, evaluation), 65_536 + 500
    assert memory.weights == pytest.approx(2 * 8.03e9, rel=0.01)
    # Two bytes a number; the engine's buffers have an eighth more columns than tokens.
    assert memory.cache == pytest.approx(2 * 32 * 8 * 128 * 2 * tokens * 9 / 8, rel=0.001)
    operations = 2 * 8.03e9 + 4 * 32 * 32 * 128 * tokens / 2
    assert evaluation.hours(size_of(LLAMA, None)) == pytest.approx(85_852_160 * operations / 4e13 / 3600, rel=0.01)
    shorter = evaluation.up_to(4096)
    assert (shorter.programs, shorter.tokens, shorter.longest) == (1310, 1310 * 4096, 4096)


def test_the_estimate_holds_what_the_engine_takes_for_its_longest_row(tiny_model, monkeypatch):
    torch = pytest.importorskip("torch")
    from ssd_harness.engines import loading
    from ssd_harness.engines.contracts import Decoding, GenerationRequest
    from ssd_harness.plugins.transformers_engine import attention_rows
    from ssd_harness.plugins.transformers_engine.engine import HfEngine

    held = []
    original = attention_rows.RowsLayer.update

    def update(layer, *states, **named):
        found = original(layer, *states, **named)
        held.append(sum(buffer.numel() * buffer.element_size() for buffer in layer._buffers))
        return found

    monkeypatch.setattr(attention_rows.RowsLayer, "update", update)
    engine = HfEngine(loading.load_model(tiny_model, device="cpu", dtype=torch.float32), stop_ids=[10**9])
    prompt, length = tuple(range(40)), 400
    list(engine.generate([GenerationRequest("q", 0, prompt)], Decoding(1.0, None, 1.0, length), seed=0))
    size = size_of("x", tiny_model)
    evaluation = Evaluation(("t",), 1, length, length, EvaluationEngine(context=len(prompt) + length))
    needed = evaluation.memory(size, stored=4, half=False)
    assert 0.8 * needed.cache <= size.layers * max(held) <= needed.cache


@pytest.mark.parametrize(
    ("arguments", "weights", "sequence"),
    [
        ({}, 2, 131_072),  # vLLM makes room for one sequence of the model's whole context
        ({"max_model_len": 70_000}, 2, 70_000),
        ({"max_length": 70_000, "dtype": "float32"}, 4, 70_000),
        ({"tensor_parallel_size": 4}, 2 / 4, 131_072 / 4),
        ({"tensor_parallel_size": "2", "pipeline_parallel_size": 2}, 2 / 4, 131_072 / 4),
    ],
)
def test_vllm_needs_its_whole_context_shared_by_its_gpus(arguments, weights, sequence):
    evaluation = replace(V6, engine=evaluation_engine(arguments, vllm=True))
    memory = memory_of(LLAMA, evaluation)
    each = 4 if "dtype" in arguments else 2
    assert memory.weights == pytest.approx(weights * 8.03e9, rel=0.01)
    assert memory.cache == pytest.approx(2 * 32 * 8 * 128 * each * sequence)
    assert memory.total == pytest.approx((memory.weights + memory.cache) / 0.9)


@pytest.mark.parametrize("given", ["parallelize", "max_memory", "device_map", "quantization"])
def test_what_is_not_counted_stops_nothing(given):
    evaluation = replace(V6, engine=evaluation_engine({given: "auto" if given == "device_map" else True}, vllm=False))
    tiny, size = usual_gpu(1), size_of(BIG, None)
    assert evaluation_engine({given: None, "kv_cache_dtype": "auto", "dtype": "auto"}, vllm=True).counted
    assert memory_of(BIG, evaluation) is None
    assert evaluation_misfits(evaluation, size, tiny, stored=2) == []
    assert "not counted" in evaluation_memory(evaluation, size, tiny, stored=2)


@pytest.mark.parametrize("model", [BIG, LLAMA])
@pytest.mark.parametrize("vllm", [False, True])
@pytest.mark.parametrize("machine", [usual_gpu(20), usual_gpu(24), Machine(2.4e10, 1e11, on_gpu=True, gpus=2)])
def test_what_is_named_as_fitting_fits(model, vllm, machine):
    evaluation, size = replace(V6, engine=evaluation_engine({}, vllm=vllm)), size_of(model, None)
    found = evaluation_misfits(evaluation, size, machine, stored=2)
    if not found:
        assert (model, vllm) == (BIG, False)
        return
    offered = evaluation_ways(evaluation, size, machine, stored=2)
    assert offered
    for way in offered:
        words = dict(word.split("=") for word in way.partition(" (")[0].split() if "=" in word)
        arguments = {name: int(value) for name, value in words.items() if name != "parallelize" and value.isdigit()}
        length = arguments.pop("max_gen_toks", V6.longest)
        engine = evaluation_engine(arguments, vllm=vllm)
        engine = replace(engine, devices=machine.gpus) if "parallelize" in words else engine
        changed = replace(V6, longest=length, engine=engine)
        assert not evaluation_misfits(changed, size, machine, stored=2), way
        assert f"({gigabytes(memory_of(model, changed).total)} GB to evaluate)" in way


def test_nothing_is_named_where_the_weights_alone_do_not_fit():
    assert evaluation_ways(V6, size_of(LLAMA, None), usual_gpu(12), stored=2) == []


@pytest.mark.parametrize(
    ("launch", "model"), [(one.name, model) for one in launches().values() for model in one.models]
)
def test_a_shipped_recipe_leaves_a_tenth_of_its_gpu_in_the_evaluation_too(launch, model):
    gpu_gb = launches()[launch].gpu_gb
    evaluation = standard_evaluation(resolve(model, {"recipe": launch}).recipe)
    assert memory_of(model, evaluation).total <= 0.9 * gpu_gb * 1e9
