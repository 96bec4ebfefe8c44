"""From logits to tokens: temperature, then top-k, then top-p, then a draw by inverse distribution function."""

import torch

from ssd_harness.engines.contracts import Decoding


def kept_weights(logits: torch.Tensor, decoding: Decoding) -> torch.Tensor:
    """Return unnormalised probabilities [rows, vocabulary] in float64, zero where truncation drops a token.

    Top-k keeps the k likeliest tokens, then top-p the smallest set of the likeliest whose share of the remaining mass
    reaches p. Tokens that tie with the last one kept stay in, so that the outcome never depends on a sort's order.
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
    """Draw one token id a row [rows]; ``uniforms`` [rows] in [0, 1) decides which.

    Tokens are laid out by id, not by rank: rounding that swaps two nearly equal tokens must not change the draw.
    """
    if decoding.greedy:
        return logits.argmax(dim=-1)
    cumulative = kept_weights(logits, decoding).cumsum(dim=-1)
    total = cumulative[:, -1:]
    # Rounding may lift the product to the total itself, beyond every token.
    target = torch.minimum(uniforms[:, None] * total, total.nextafter(torch.zeros_like(total)))
    return torch.searchsorted(cumulative, target, right=True).squeeze(-1)
