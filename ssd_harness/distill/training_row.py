"""Turn a sample into the row of token ids that the built-in trainer, or an exported file, uses."""

from ssd_harness.extensions.contracts import Sample

IGNORED = -100
"""The label of a token without loss; torch's cross-entropy ignores it by default."""


def training_row(sample: Sample, max_length: int) -> tuple[list[int], list[int]] | None:
    """Return (input ids, labels) of equal length, or None if no token of the completion fits.

    Input ids are those of the prompt and of the completion, exactly as sampled, cut at ``max_length`` tokens. Only
    tokens of the completion have labels. No EOS is added: if the sampler drew one, it is included.
    """
    # The first token of a row has no label even without a prompt: no token before it could predict it.
    unpredicted = max(1, len(sample.prompt_ids))
    input_ids = [*sample.prompt_ids, *sample.token_ids][:max_length]
    if len(input_ids) <= unpredicted:
        return None
    return input_ids, [*[IGNORED] * unpredicted, *input_ids[unpredicted:]]
