"""Qwen3 of any size with random weights, the same ones each time; not a test."""

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM


def random_qwen(vocabulary, hidden, layers, heads, *, inner):
    """Return the model in evaluation mode; ``inner`` is the width of its feed-forward layers."""
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=2,
        head_dim=hidden // heads,
        max_position_embeddings=16384,
        tie_word_embeddings=True,
        pad_token_id=0,
    )
    return Qwen3ForCausalLM(config).eval()
