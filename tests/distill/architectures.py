"""Tiny random models of the families that recipes name, with tied and with untied embeddings; not a test."""

import shutil

import torch
import transformers

SHAPE = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "max_position_embeddings": 128,
    "initializer_range": 0.2,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "bos_token_id": 1,
}
EXPERTS = {"num_experts_per_tok": 2}
FAMILIES = {
    "Qwen3": {},
    "Qwen3Moe": {"moe_intermediate_size": 16, "num_experts": 4, **EXPERTS},
    "Llama": {},
    "GptOss": {"num_local_experts": 4, "sliding_window": 8, **EXPERTS},
    "Gemma": {},
}
NAMES = [(family, tied) for family in FAMILIES for tied in (True, False)]


def save(folder, tokenizer, family, tied, dtype=torch.float32):
    """Write the model with the tokenizer of another model's folder, and return its folder."""
    config = getattr(transformers, f"{family}Config")
    model = getattr(transformers, f"{family}ForCausalLM")
    vocabulary = transformers.AutoConfig.from_pretrained(tokenizer).vocab_size
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = model(config(**SHAPE, **FAMILIES[family], vocab_size=vocabulary, tie_word_embeddings=tied))
        with torch.no_grad():
            for parameter in made.parameters():  # some begin as zeros, whose loss nobody would see
                if parameter.ndim == 1 or not parameter.any():
                    parameter.normal_(std=0.2)
    made.to(dtype).save_pretrained(folder)
    for file in tokenizer.iterdir():
        if file.name.startswith(("tokenizer", "chat_template")):
            shutil.copy(file, folder)
    return folder
