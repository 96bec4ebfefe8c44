"""One pass for several caches gives the logits that a pass for each gives."""

import pytest

torch = pytest.importorskip("torch")

import transformers  # noqa: E402

from ssd_harness.engines.contracts import Decoding, GenerationRequest  # noqa: E402
from ssd_harness.plugins.transformers_engine.bundle import Reader  # noqa: E402
from ssd_harness.plugins.transformers_engine.rows import Row  # noqa: E402

pytestmark = pytest.mark.hf

SHAPE = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
}
GPT2 = {"vocab_size": 64, "n_embd": 32, "n_layer": 2, "n_head": 4}
KINDS = {
    "Qwen3": SHAPE,
    "Llama": SHAPE,
    "Gemma": SHAPE,
    "Phi3": SHAPE | {"pad_token_id": 0},
    "GPT2": GPT2,
    "Qwen3Moe": SHAPE | {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
}
DECODING = Decoding(1.0, None, 1.0, 99)


def build(kind, attention="sdpa"):
    torch.manual_seed(1)
    config = getattr(transformers, f"{kind}Config")(**KINDS[kind])
    config._attn_implementation = attention
    return getattr(transformers, f"{kind}LMHeadModel" if kind == "GPT2" else f"{kind}ForCausalLM")(config).eval()


def bundles(reader):
    """Two bundles of very different widths, each with rows of several lengths."""
    lengths = ((3, 5), (40, 9, 31))
    rows = [[Row(n, GenerationRequest(f"p{n}", 0, tuple(range(1, 1 + n))), 0) for n in some] for some in lengths]
    return [reader.read(some) for some in rows]


@pytest.mark.parametrize("kind", KINDS)
def test_the_logits_are_those_of_separate_passes(kind):
    model = build(kind)
    reader = Reader(model, 1000)
    assert reader.joins_passes
    joint, apart = bundles(reader), bundles(reader)
    for _ in range(40):  # beyond the spare columns
        for bundle in (*joint, *apart):
            bundle.draw(DECODING, frozenset())
        reader.advance(joint)
        for bundle in apart:
            bundle.advance()
        for one, other in zip(joint, apart, strict=True):
            assert torch.allclose(one.logits, other.logits, atol=1e-5)
            assert one.columns == other.columns
    assert model.config._attn_implementation == "sdpa"


def test_other_attention_takes_a_pass_for_each():
    reader = Reader(build("Qwen3", "eager"), 1000)
    assert not reader.joins_passes
    made = bundles(reader)
    for bundle in made:
        bundle.draw(DECODING, frozenset())
    reader.advance(made)
    assert [len(bundle.logits) for bundle in made] == [2, 3]


def test_a_failed_pass_leaves_the_model_as_it_was():
    model = build("Qwen3")
    reader = Reader(model, 1000)
    made = bundles(reader)
    for bundle in made:
        bundle.draw(DECODING, frozenset())
    made[0].cache.layers[1].release()
    with pytest.raises((RuntimeError, IndexError, TypeError, AttributeError)):
        reader.advance(made)
    assert model.config._attn_implementation == "sdpa"
