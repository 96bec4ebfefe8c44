import functools

import pytest

torch = pytest.importorskip("torch")

from ssd_harness.engines import loading, memory  # noqa: E402
from ssd_harness.engines.contracts import Decoding, GenerationRequest, Stop  # noqa: E402
from ssd_harness.errors import InfrastructureError  # noqa: E402
from ssd_harness.plugins.transformers_engine.engine import HfEngine  # noqa: E402
from ssd_harness.plugins.transformers_engine.schedule import Schedule  # noqa: E402

pytestmark = pytest.mark.hf

DECODING = Decoding(1.2, 40, 0.95, 48)
EOS = frozenset(range(2, 10))  # the tiny model rarely draws its one EOS: let more tokens end a sample


@pytest.fixture(scope="module")
def model(tiny_model):
    return loading.load_model(tiny_model, device="cpu", dtype=torch.float32)


def prompts(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, 60, (count,), generator=generator).tolist()
    return [tuple(torch.randint(10, 250, (length,), generator=generator).tolist()) for length in lengths]


def requests(count=20, n=3):
    return [GenerationRequest(f"p{i}", k, ids) for i, ids in enumerate(prompts(count)) for k in range(n)]


def texts(made):
    return {(one.request.key, one.request.index): (one.token_ids, one.stop) for one in made}


@pytest.fixture(scope="module")
def alone(model):
    """Every sample drawn by itself: the truth that batches are held to."""
    return texts(HfEngine(model, stop_ids=EOS, rows=1).generate(requests(), DECODING, 5))


@pytest.mark.parametrize("rows", [3, 16, 200])
@pytest.mark.parametrize("order", [1, -1])
def test_samples_do_not_depend_on_batch_or_order(model, alone, rows, order):
    made = texts(HfEngine(model, stop_ids=EOS, rows=rows).generate(requests()[::order], DECODING, 5))
    assert made.keys() == alone.keys()
    assert sum(made[name] != alone[name] for name in alone) <= 1  # 99 of 100, with room for one of 60


def test_a_restart_with_what_is_missing_draws_the_same(model, alone):
    rest = requests()[23:]
    made = texts(HfEngine(model, stop_ids=EOS, rows=8).generate(rest, DECODING, 5))
    assert sum(made[name] != alone[name] for name in made) <= 1


def test_seeds_samples_and_prompts_differ(model, alone):
    other = texts(HfEngine(model, stop_ids=EOS, rows=50).generate(requests(), DECODING, 6))
    assert sum(other[name] != alone[name] for name in alone) > 54
    assert len({ids for ids, _ in alone.values()}) > 56


def test_samples_end_where_they_should(alone):
    stops = [stop for _, stop in alone.values()]
    assert {Stop.EOS, Stop.LENGTH} == set(stops)
    for ids, stop in alone.values():
        assert not EOS & set(ids[:-1])
        assert (ids[-1] in EOS) == (stop is Stop.EOS)
        assert len(ids) == DECODING.max_new_tokens or stop is Stop.EOS


def test_greedy_equals_transformers_own(model):
    ids = prompts(1)[0]
    theirs = model.generate(
        torch.tensor([ids]),
        do_sample=False,
        temperature=None,
        top_k=None,
        top_p=None,
        max_new_tokens=20,
        eos_token_id=2,
    )[0, len(ids) :].tolist()
    (made,) = HfEngine(model, stop_ids=[2]).generate([GenerationRequest("p", 0, ids)], Decoding(0.0, None, 1.0, 20), 0)
    assert list(made.token_ids) == theirs


def test_samples_follow_the_models_own_distribution(model):
    ids = prompts(1)[0]
    decoding = Decoding(1.0, 5, 1.0, 1)
    count = 2000
    many = [GenerationRequest("p", k, ids) for k in range(count)]
    drawn = torch.tensor([one.token_ids[0] for one in HfEngine(model, stop_ids=EOS).generate(many, decoding, 0)])
    with torch.inference_mode():
        likeliest = model(torch.tensor([ids])).logits[0, -1].topk(5)
    shares = torch.bincount(drawn, minlength=300)[likeliest.indices] / count
    assert shares.sum() == 1
    assert shares.tolist() == pytest.approx(likeliest.values.softmax(0).tolist(), abs=0.05)


def test_a_prompt_is_read_once_for_all_its_samples(model, monkeypatch):
    read = []
    original = type(model).forward

    @functools.wraps(original)  # the engine reads its signature
    def counting(self, input_ids=None, **rest):
        if input_ids.shape[1] > 1:
            read.append(tuple(input_ids.shape))
        return original(self, input_ids=input_ids, **rest)

    monkeypatch.setattr(type(model), "forward", counting)
    engine = HfEngine(model, stop_ids=EOS, rows=64)
    list(engine.generate([GenerationRequest("p", k, tuple(range(10, 60))) for k in range(64)], DECODING, 0))
    assert read == [(1, 50)]


def test_requests_are_read_no_further_than_there_are_rows(model):
    taken = []

    def endless():
        for request in requests(40, 2):
            taken.append(request)
            yield request

    next(HfEngine(model, stop_ids=EOS, rows=4).generate(endless(), DECODING, 0))
    assert len(taken) < 30


def test_nothing_asked_is_nothing_made(model):
    assert list(HfEngine(model, stop_ids=EOS).generate([], DECODING, 0)) == []


def build(kind):
    """A random model whose cache is not the plain one: windows, sinks, recurrent layers."""
    import transformers

    common = {
        "vocab_size": 260,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 512,
        "initializer_range": 0.15,
        "pad_token_id": 0,
    }
    experts = {"num_experts_per_tok": 2, "num_local_experts": 4}
    torch.manual_seed(0)
    if kind == "windows":
        return transformers.MistralForCausalLM(transformers.MistralConfig(**common, sliding_window=8)).eval()
    if kind == "gpt-oss":
        layers = ["sliding_attention", "full_attention"]
        config = transformers.GptOssConfig(**common, **experts, sliding_window=8, layer_types=layers)
        return transformers.GptOssForCausalLM(config).eval()
    linear = {"linear_num_value_heads": 2, "linear_num_key_heads": 2}
    linear |= {"linear_key_head_dim": 8, "linear_value_head_dim": 8}
    config = transformers.Qwen3NextConfig(
        **common,
        **linear,
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=16,
        shared_expert_intermediate_size=16,
        layer_types=["linear_attention", "full_attention"],
    )
    return transformers.Qwen3NextForCausalLM(config).eval()


@pytest.mark.parametrize("kind", ["windows", "gpt-oss", "recurrent"])
def test_other_kinds_of_cache_draw_the_same_in_any_batch(kind):
    other = build(kind)
    few = requests(5, 2)
    one = texts(HfEngine(other, stop_ids=EOS, rows=1).generate(few, DECODING, 5))
    many = texts(HfEngine(other, stop_ids=EOS, rows=4).generate(few, DECODING, 5))
    assert many == one
    tight = HfEngine(other, stop_ids=EOS, cache_bytes=cells(other, 400))
    assert texts(tight.generate(few, DECODING, 5)) == one
    assert tight.reread


def cells(model, count):
    """Return the bytes of so many tokens' keys and values."""
    return count * memory.cache_bytes_per_token(model)


@pytest.mark.parametrize("budget", [1, 250, 900, 3_000])
def test_samples_do_not_depend_on_the_memory(model, alone, budget):
    engine = HfEngine(model, stop_ids=EOS, cache_bytes=cells(model, budget))
    made = texts(engine.generate(requests(), DECODING, 5))
    assert made.keys() == alone.keys()
    assert sum(made[name] != alone[name] for name in alone) <= 1
    assert engine.reread or budget != 250


def largest_cache(model, monkeypatch, engine, many):
    """Draw ``many`` and return the results and the most tokens that all caches have held at once, spare ones too."""
    most = 0
    advance = Schedule._advance

    def watched(self):
        nonlocal most
        advance(self)
        most = max(most, sum(bundle.cells for bundle in self._bundles))

    monkeypatch.setattr(Schedule, "_advance", watched)
    return texts(engine.generate(many, DECODING, 5)), most


def test_the_cache_stays_within_its_memory_and_uses_it(model, monkeypatch):
    few = [GenerationRequest(f"p{k}", 0, tuple(range(10, 10 + length))) for k, length in enumerate([200, 5, 5, 90] * 8)]
    budget = 1_200
    engine = HfEngine(model, stop_ids=EOS, cache_bytes=cells(model, budget))
    made, most = largest_cache(model, monkeypatch, engine, few)
    assert len(made) == len(few)
    assert budget / 2 < most <= budget


def test_the_oldest_row_never_waits(model):
    """What was asked for first is done first even if nothing else fits beside it."""
    many = [GenerationRequest(f"p{k}", 0, tuple(range(10, 60))) for k in range(6)]
    engine = HfEngine(model, stop_ids=[], cache_bytes=cells(model, 90))
    order = [one.request.key for one in engine.generate(many, DECODING, 5)]
    assert order == [one.key for one in many]


def failing_beyond(model, monkeypatch, most):
    """Let the model's forward pass fail as an accelerator does when rows times columns are more than ``most``."""
    original = type(model).forward

    @functools.wraps(original)
    def limited(self, input_ids=None, attention_mask=None, **rest):
        # One pass for several caches has no mask of its own.
        joint = rest.get("cache") or rest.get("past_key_values")
        held = len(input_ids) * joint.get_seq_length() if attention_mask is None else attention_mask.numel()
        if held > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return original(self, input_ids=input_ids, attention_mask=attention_mask, **rest)

    monkeypatch.setattr(type(model), "forward", limited)


def test_an_accelerator_without_memory_gets_fewer_rows(model, alone, monkeypatch):
    failing_beyond(model, monkeypatch, 1_000)
    made = texts(HfEngine(model, stop_ids=EOS).generate(requests(), DECODING, 5))
    assert made.keys() == alone.keys()
    assert sum(made[name] != alone[name] for name in alone) <= 1


def test_a_sequence_that_does_not_fit_alone_is_one_line(model, monkeypatch):
    failing_beyond(model, monkeypatch, 70)
    with pytest.raises(InfrastructureError, match=r"no memory for a sequence of \d+ tokens beside the model"):
        list(HfEngine(model, stop_ids=[]).generate(requests(4, 1), DECODING, 5))
