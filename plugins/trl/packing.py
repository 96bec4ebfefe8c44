"""Test whether a model keeps the sequences of a packed row apart."""

from typing import Any

from ssd_harness.errors import UsageError

_LENGTH = 24
_FLOAT32_TOLERANCE, _HALF_TOLERANCE = 1e-3, 5e-2
"""Allowed difference of logits, in their standard deviations."""


def check_packing(model: Any, *, half: bool = False) -> None:
    """Raise :class:`UsageError` unless a sequence in a packed row gets the same logits as alone.

    The tokens before it must not matter (attention does not cross), and its positions must start at 0. Any attention
    implementation, mask or kernel that does so is accepted. ``half``: the model computes in bfloat16.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    vocabulary = model.config.get_text_config().vocab_size
    ids = torch.randint(vocabulary, (3, 1, _LENGTH), generator=generator).to(model.device)
    first, other, second = ids
    positions = torch.arange(_LENGTH, device=model.device)[None]
    training = model.training
    model.eval()
    with torch.no_grad():

        def logits(*sequences: Any) -> Any:
            row, places = torch.cat(sequences, 1), torch.cat([positions] * len(sequences), 1)
            return model(input_ids=row, position_ids=places, use_cache=False).logits[0, -_LENGTH:].float()

        alone, after_first, after_other = logits(second), logits(first, second), logits(other, second)
    model.train(training)
    allowed = (_HALF_TOLERANCE if half or model.dtype != torch.float32 else _FLOAT32_TOLERANCE) * alone.std()
    crossing = (after_first - after_other).abs().max()
    if crossing > allowed or (after_first - alone).abs().max() > allowed:
        how = getattr(model.config, "_attn_implementation", None)
        what = "attends across the sequences of a packed row" if crossing > allowed else "miscounts their positions"
        raise UsageError(
            f"packing=true, but {type(model).__name__} with attention {how!r} {what}",
            next_step="give packing=false, or attention=sdpa, eager or flash_attention_2",
        )
