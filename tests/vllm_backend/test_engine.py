import pytest

pytest.importorskip("vllm", reason="vLLM is not installed here; its tests have an environment of their own")

import torch
from engines.decoding_reference import reference

from ssd_harness.engines import loading
from ssd_harness.engines.contracts import Decoding, GenerationRequest, Stop
from ssd_harness.plugins.transformers_engine.engine import HfEngine
from ssd_harness.plugins.vllm_engine.engine import VllmEngine

pytestmark = pytest.mark.vllm

DECODING = Decoding(1.2, 40, 0.95, 20)
EOS = frozenset(range(2, 10))  # the tiny model rarely draws its one EOS: let more tokens end a sample


@pytest.fixture(scope="module")
def engine(base):
    return VllmEngine(base.model, stop_ids=EOS)


def prompts(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, 60, (count,), generator=generator).tolist()
    return [tuple(torch.randint(10, 250, (length,), generator=generator).tolist()) for length in lengths]


def requests(count=20, n=5):
    return [GenerationRequest(f"p{i}", k, ids) for i, ids in enumerate(prompts(count)) for k in range(n)]


def texts(made):
    return {(one.request.key, one.request.index): (one.token_ids, one.stop) for one in made}


@pytest.fixture(scope="module")
def alone(engine):
    """Every sample drawn by itself: the truth that batches are held to."""
    return texts(made for request in requests() for made in engine.generate([request], DECODING, 5))


@pytest.mark.parametrize("order", [1, -1])
def test_samples_do_not_depend_on_batch_or_order(engine, alone, order):
    made = texts(engine.generate(requests()[::order], DECODING, 5))
    assert made.keys() == alone.keys()
    assert sum(made[name] != alone[name] for name in alone) <= 1  # of 100


def test_seeds_samples_and_prompts_differ(engine, alone):
    other = texts(engine.generate(requests(), DECODING, 6))
    assert sum(other[name] != alone[name] for name in alone) > 90
    assert len({ids for ids, _ in alone.values()}) > 93


def test_samples_end_where_they_should(alone):
    assert {stop for _, stop in alone.values()} == {Stop.EOS, Stop.LENGTH}
    for ids, stop in alone.values():
        assert not EOS & set(ids[:-1])
        assert (ids[-1] in EOS) == (stop is Stop.EOS)
        assert len(ids) == DECODING.max_new_tokens or stop is Stop.EOS


def test_the_models_own_eos_ends_nothing_unless_it_is_asked_to(base):
    made = list(VllmEngine(base.model, stop_ids=[7]).generate(requests(8, 1), Decoding(1.0, None, 1.0, 200), 1))
    assert any(2 in one.token_ids[:-1] for one in made)
    assert all((one.token_ids[-1] == 7) == (one.stop is Stop.EOS) for one in made)


def test_greedy_equals_the_other_engines(engine, tiny_vllm_model):
    model = loading.load_model(tiny_vllm_model, device="cpu", dtype=torch.float32)
    greedy = Decoding(0.0, None, 1.0, 12)
    few = requests(8, 1)
    assert texts(engine.generate(few, greedy, 0)) == texts(HfEngine(model, stop_ids=EOS).generate(few, greedy, 0))


def test_samples_follow_the_models_own_distribution(engine, tiny_vllm_model):
    (ids,) = prompts(1)
    decoding = Decoding(1.3, 5, 0.9, 1)
    count = 3000
    many = [GenerationRequest("p", k, ids) for k in range(count)]
    drawn = torch.tensor([one.token_ids[0] for one in engine.generate(many, decoding, 0)])
    model = loading.load_model(tiny_vllm_model, device="cpu", dtype=torch.float32)
    with torch.inference_mode():
        logits = model(torch.tensor([ids])).logits[0, -1].tolist()
    expected = torch.tensor(reference(logits, decoding))
    shares = torch.bincount(drawn, minlength=len(logits)) / count
    assert (shares > 0).equal(expected > 0)
    assert shares.tolist() == pytest.approx(expected.tolist(), abs=0.04)


def test_requests_are_read_no_further_than_there_is_room_and_what_is_left_is_given_up(engine, base, alone):
    taken = []

    def endless():
        while True:
            for request in requests():
                taken.append(request)
                yield request

    running = engine.generate(endless(), DECODING, 5)
    assert next(running).request in requests()
    assert len(taken) < 4 * 16
    running.close()
    assert base.model.llm_engine.get_num_unfinished_requests() == 0
    again = texts(engine.generate(requests()[:20], DECODING, 5))
    assert sum(again[name] != alone[name] for name in again) <= 1


def test_nothing_asked_is_nothing_made(engine):
    assert list(engine.generate([], DECODING, 0)) == []


def test_it_says_what_decides_a_sample(engine):
    assert dict(engine.identity()) == {
        "engine": "vllm@1",
        "dtype": "float32",
        "quantization": None,
        "stop_ids": sorted(EOS),
    }
    assert (engine.context, engine.device) == (1024, "cpu")
