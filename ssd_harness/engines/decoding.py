"""Decoding: from logits to tokens by temperature, top-k, top-p and inverse transform sampling."""

import torch

from ssd_harness.engines.contracts import Decoding


def kept_weights(logits: torch.Tensor, decoding: Decoding) -> torch.Tensor:
    """Return unnormalised probabilities [rows, vocabulary] in float64; truncated tokens are zero.

    Top-k keeps the k likeliest tokens. Top-p then keeps the smallest set of the likeliest tokens whose share of the
    remaining probability reaches p. Tokens that tie with the last one are kept, so that sorting order never matters.
    """
    scores = logits.float()
    best = scores.amax(dim=-1, keepdim=True)
    if decoding.greedy:
        return (scores == best).double()
    weights = ((scores - best).double() / decoding.temperature).exp()
    vocabulary = weights.shape[-1]
    count = min(decoding.top_k or vocabulary, vocabulary)
    if count == vocabulary and decoding.top_p >= 1:
        return weights

    likeliest = weights.topk(count, dim=-1).values  # descending
    threshold = likeliest[:, -1:]
    if decoding.top_p < 1:
        tied = (weights == threshold).sum(dim=-1, keepdim=True) - (likeliest == threshold).sum(dim=-1, keepdim=True)
        mass = likeliest.sum(dim=-1, keepdim=True) + tied * threshold
        before = likeliest.cumsum(dim=-1) - likeliest
        inside = before < decoding.top_p * mass
        threshold = likeliest.where(inside, likeliest[:, :1]).amin(dim=-1, keepdim=True)
    return weights.where(weights >= threshold, 0.0)


def draw(logits: torch.Tensor, decoding: Decoding, uniforms: torch.Tensor) -> torch.Tensor:
    """Draw one token id for each row [rows]; ``uniforms`` [rows] in [0, 1) are the random numbers.

    Tokens are ordered by id, not by rank: rounding that swaps two nearly equal tokens then does not change the draw.
    """
    if decoding.greedy:
        return logits.argmax(dim=-1)
    cumulative = kept_weights(logits, decoding).cumsum(dim=-1)
    total = cumulative[:, -1:]
    # Rounding may raise the product to the total itself, beyond the last token.
    target = torch.minimum(uniforms[:, None] * total, total.nextafter(torch.zeros_like(total)))
    return torch.searchsorted(cumulative, target, right=True).squeeze(-1)
