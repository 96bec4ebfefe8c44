"""From a sample to the row of token ids that a trainer reads: built in, or somebody else's."""

from ssd_harness.extensions.contracts import Sample

IGNORED = -100
"""The label of a token that no loss is taken on: what torch's cross-entropy leaves out."""


def training_row(sample: Sample, max_length: int) -> tuple[list[int], list[int]] | None:
    """Return (input ids, labels) of equal length, or None if nothing is left to predict.

    The prompt's ids followed by the completion's, as the sampler had them, cut at ``max_length`` tokens; labels are the
    completion's. No EOS is added: where the sampler drew one, it is there.
    """
    # Nothing stands before a row's first token that could predict it.
    unpredicted = max(1, len(sample.prompt_ids))
    input_ids = [*sample.prompt_ids, *sample.token_ids][:max_length]
    if len(input_ids) <= unpredicted:
        return None
    return input_ids, [*[IGNORED] * unpredicted, *input_ids[unpredicted:]]
