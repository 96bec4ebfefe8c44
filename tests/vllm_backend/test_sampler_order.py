"""vLLM's own sampler against the paper's decoding: which tokens stay, and with what probability."""

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed here; its tests have an environment of their own")

import torch
from engines.decoding_reference import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm.v1.sample.logits_processor import LogitsProcessors
from vllm.v1.sample.metadata import SamplingMetadata
from vllm.v1.sample.sampler import Sampler

from ssd_harness.engines.contracts import Decoding
from ssd_harness.errors import UsageError
from ssd_harness.plugins.vllm_engine.engine import sampling_parameters

pytestmark = pytest.mark.vllm

SMALLEST = torch.finfo(torch.float32).tiny


def drawn(logits, decodings, seed=0):
    """One token a row [rows] and the probabilities [rows, vocabulary] that vLLM drew it with; a decoding a row."""
    rows, vocabulary = logits.shape
    asked = [sampling_parameters(decoding, seed + row, [0]) for row, decoding in enumerate(decodings)]
    generators = {row: torch.Generator().manual_seed(one.seed) for row, one in enumerate(asked)}
    none = torch.zeros(rows)
    metadata = SamplingMetadata(
        temperature=torch.tensor([one.temperature for one in asked]),
        all_greedy=False,
        all_random=True,
        top_p=torch.tensor([one.top_p for one in asked]),
        # As vLLM's batch does: no top-k is the whole vocabulary.
        top_k=torch.tensor([one.top_k if 0 < one.top_k < vocabulary else vocabulary for one in asked]),
        generators=generators,
        max_num_logprobs=-1,
        no_penalties=True,
        prompt_token_ids=None,
        frequency_penalties=none,
        presence_penalties=none,
        repetition_penalties=none + 1,
        output_token_ids=[[] for _ in asked],
        allowed_token_ids_mask=None,
        bad_words_token_ids={},
        logitsprocs=LogitsProcessors(),
    )
    out = Sampler(logprobs_mode="processed_logprobs")(logits.clone(), metadata)
    return out.sampled_token_ids.flatten(), out.logprobs_tensors.logprobs.exp()


def is_near_a_border(logits, decoding):
    """Whether the mass before some token is top-p to within single precision, which may then see it on either side."""
    kept = reference(logits, Decoding(decoding.temperature, decoding.top_k, 1.0))
    before = 0.0
    for probability in sorted(kept, reverse=True):
        if abs(before - decoding.top_p) < 1e-5:
            return True
        before += probability
    return False


decodings = st.builds(
    Decoding,
    temperature=st.sampled_from([0.3, 0.7, 1.0, 1.6, 2.0]),
    top_k=st.sampled_from([None, 1, 2, 5, 20, 1000]),
    top_p=st.sampled_from([0.1, 0.5, 0.8, 0.95, 1.0]),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(decodings, min_size=3, max_size=3),
    st.integers(0, 2**32),
    st.integers(2, 60),
    st.sampled_from([0.5, 3.0, 10.0]),
)
def test_random_logits_keep_the_references_tokens_and_probabilities(mixed, seed, size, spread):
    logits = torch.randn(3, size, generator=torch.Generator().manual_seed(seed)) * spread
    tokens, probabilities = drawn(logits, mixed)
    for row, decoding in enumerate(mixed):
        plain = logits[row].double().tolist()
        if decoding.top_p < 1 and is_near_a_border(plain, decoding):
            continue
        expected = reference(plain, decoding)
        for found, wanted in zip(probabilities[row].tolist(), expected, strict=True):
            # A probability that single precision cannot hold is none.
            assert (found > 0) == (wanted > 0) or 0 < wanted < SMALLEST
        assert probabilities[row].tolist() == pytest.approx(expected, abs=1e-6)
        assert expected[tokens[row]] > 0


def test_the_temperature_comes_before_top_p():
    logits = torch.tensor([[2.0, 1.0, 0.0]])
    # At temperature 1 the first token has 67 % of the mass and would be alone; at 2 it has 51 %.
    assert (drawn(logits, [Decoding(1.0, None, 0.6)])[1] > 0).tolist() == [[True, False, False]]
    assert (drawn(logits, [Decoding(2.0, None, 0.6)])[1] > 0).tolist() == [[True, True, False]]


def test_top_k_comes_before_top_p():
    logits = torch.tensor([[1.0, 0.9, 0.8, 0.7, 0.6, 0.5]])
    # Of all the mass the first two tokens have 42 %, of that of the first three 70 %.
    assert (drawn(logits, [Decoding(1.0, 3, 0.65)])[1] > 0).sum() == 2
    assert (drawn(logits, [Decoding(1.0, None, 0.65)])[1] > 0).sum() == 4


def test_a_temperature_that_vllm_would_change_silently_is_refused():
    assert sampling_parameters(Decoding(1e-6), 0, [2]).temperature == 0
    assert sampling_parameters(Decoding(0.01), 0, [2]).temperature == 0.01
    with pytest.raises(UsageError, match=r"0\.005"):
        sampling_parameters(Decoding(0.005), 0, [2])
