import pytest
from engines.decoding_reference import reference
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from ssd_harness.engines.contracts import Decoding  # noqa: E402
from ssd_harness.engines.decoding import draw, kept_weights  # noqa: E402

pytestmark = pytest.mark.hf

decodings = st.builds(
    Decoding,
    temperature=st.sampled_from([0.0, 0.3, 0.7, 1.0, 1.6, 2.0]),
    top_k=st.sampled_from([None, 1, 2, 5, 20, 1000]),
    top_p=st.sampled_from([0.1, 0.5, 0.8, 0.95, 1.0]),
)


@settings(max_examples=300, deadline=None)
@given(decodings, st.integers(0, 2**32), st.integers(2, 60), st.sampled_from([0.5, 3.0, 10.0]))
def test_random_logits_keep_the_references_tokens_and_probabilities(decoding, seed, size, spread):
    logits = torch.randn(3, size, generator=torch.Generator().manual_seed(seed)) * spread
    weights = kept_weights(logits, decoding)
    probabilities = weights / weights.sum(dim=-1, keepdim=True)
    for row in range(3):
        expected = reference(logits[row].double().tolist(), decoding)
        assert [value > 0 for value in probabilities[row].tolist()] == [value > 0 for value in expected]
        assert probabilities[row].tolist() == pytest.approx(expected, abs=1e-6)


@settings(max_examples=200, deadline=None)
@given(decodings, st.lists(st.integers(-3, 3), min_size=2, max_size=12))
def test_tied_logits_stay_or_go_together(decoding, logits):
    weights = kept_weights(torch.tensor([logits], dtype=torch.float32), decoding)[0]
    kept = [weight > 0 for weight in weights.tolist()]
    assert any(kept)
    for one in range(len(logits)):
        for other in range(len(logits)):
            if logits[one] >= logits[other]:
                assert kept[one] >= kept[other]


def test_draws_follow_the_distribution():
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0, 5.0, 0.5]])
    decoding = Decoding(1.3, 4, 0.95)
    expected = reference(logits[0].tolist(), decoding)
    count = 20_000
    uniforms = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    tokens = draw(logits.expand(count, -1), decoding, uniforms)
    shares = torch.bincount(tokens, minlength=6) / count
    assert shares.tolist() == pytest.approx(expected, abs=1e-4)


@given(st.integers(0, 2**32), decodings)
@settings(max_examples=100, deadline=None)
def test_the_ends_of_the_unit_interval_never_draw_a_dropped_token(seed, decoding):
    logits = torch.randn(2, 50, generator=torch.Generator().manual_seed(seed)) * 5
    kept = kept_weights(logits, decoding) > 0
    for uniform in (0.0, 1 - 2.0**-53):
        tokens = draw(logits, decoding, torch.full((2,), uniform, dtype=torch.float64))
        assert kept[torch.arange(2), tokens].all()


def test_half_precision_logits_are_handled_in_full():
    logits = (torch.randn(4, 300, generator=torch.Generator().manual_seed(0)) * 4).bfloat16()
    decoding = Decoding(1.6, 20, 0.8)
    weights = kept_weights(logits, decoding)
    expected = reference(logits[0].double().tolist(), decoding)
    assert (weights[0] / weights[0].sum()).tolist() == pytest.approx(expected, abs=1e-6)
