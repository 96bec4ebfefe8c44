"""The paper's decoding, slowly and plainly: what the engines are held to."""

import math


def reference(logits, decoding):
    """The paper's order, slowly: temperature, top-k, top-p, renormalise."""
    if decoding.temperature < 1e-5:
        best = max(logits)
        return [float(value == best) / logits.count(best) for value in logits]
    scaled = [value / decoding.temperature for value in logits]
    kept = set(range(len(logits)))
    if decoding.top_k is not None:
        border = sorted(scaled, reverse=True)[min(decoding.top_k, len(scaled)) - 1]
        kept = {token for token in kept if scaled[token] >= border}
    top = max(scaled)
    mass = {token: math.exp(scaled[token] - top) for token in kept}
    total = math.fsum(mass.values())
    if decoding.top_p < 1:
        # A token stays if those strictly likelier than it have not reached p yet: equals stay or go together.
        kept = {
            token
            for token in kept
            if math.fsum(mass[other] for other in mass if mass[other] > mass[token]) < decoding.top_p * total
        }
    total = math.fsum(mass[token] for token in kept)
    return [mass[token] / total if token in kept else 0.0 for token in range(len(logits))]
