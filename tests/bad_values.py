"""Bad values of every field of the recipe: refused by each command before anything is sampled."""

NOT_LOOKED_AT = {
    "system_message": "any text is one",
    "tests_column": "read where the filter runs tests, and then checked",
}
BAD_FIELDS = {
    "prompts": ["/no/such.jsonl", "no-such-source:x"],
    "prompt_limit": ["-1", "many"],
    "prompt_column": ["no_such_column"],
    "prompt_template": ["{no_such_column}", "{broken"],
    "starter_column": ["no_such_column"],
    "id_column": ["no_such_column"],
    "exclude_prompts": ["/no/such/ids.txt"],
    "prompt_style": ["no-such-style", "file:", "file:/no/such/folder", "file:/dev/zero"],
    "prompt_format": ["no-such-format"],
    "reasoning_effort": ["high"],  # the demo's template reads none
    "enable_thinking": ["nonsense", "False"],
    "chat_template_args": ["[1]", "nonsense", {"no_such_value": 1}],
    "template_date": ["yesterday", "2026-01-01"],
    "sampler": ["no-such-sampler"],
    "T_train": ["-1", "hot", "nan"],
    "top_k_train": ["-1", "0", "2.5"],
    "top_p_train": ["0", "1.5", "nonsense"],
    "n_train": ["0", "-1", "nonsense"],
    "max_new_tokens_train": ["0", "nonsense"],
    "filter": ["no-such-filter", "shortest-percent:x", "shortest-percent:101"],
    "transform": ["no-such-transform"],
    "rounds": ["-1", "1001", "nonsense"],
    "trainer": ["no-such-trainer"],
    "steps": ["0", "-5", "nonsense"],
    "epochs": ["0", "nan", "nonsense"],
    "batch_size_train": ["0", "nonsense"],
    "max_length_train": ["0", "nonsense"],
    "lr": ["-1", "nan", "nonsense"],
    "min_lr": ["-1", "1", "nonsense"],  # 1 is more than lr
    "warmup_steps": ["-1", "nonsense"],
    "weight_decay": ["-1", "nonsense"],
    "beta1": ["1", "-1", "nonsense"],
    "beta2": ["1", "-1", "nonsense"],
    "max_grad_norm": ["-1", "nonsense"],
    "loss_weighting": ["nonsense"],
    "lora_rank": ["0", "-1", "nonsense"],
    "lora_alpha": ["0", "nonsense", "16"],  # 16 without lora_rank
    "lora_dropout": ["1", "nonsense", "0.1"],
    "lora_targets": ["no_such_module"],
    "lora_quantize": ["8bit", "4bit"],  # 4bit without lora_rank
    "dtype_train": ["nonsense", "int8"],
    "dtype_checkpoint": ["nonsense", "int8"],
    "seed": ["-1", "4294967296", "nonsense"],
    "T_eval": ["-1", "nan", "nonsense"],
    "top_k_eval": ["-1", "nonsense"],
    "top_p_eval": ["0", "2", "nonsense"],
    "max_gen_toks_eval": ["0", "99999999", "nonsense"],
    "T_base": ["-1", "nonsense"],
    "top_k_base": ["-1", "nonsense"],
    "top_p_base": ["0", "nonsense"],
    "allow_overlap": ["nonsense"],
    "check_fit": ["nonsense"],
    "device": ["nowhere"],
    "engine": ["nonsense"],
    "sampling_rows": ["0", "nonsense"],
    "gpus": ["0", "nonsense", "5"],  # 5 divides no batch of 32
    "sharding": ["nonsense", "fsdp2"],  # fsdp2 with one process
    "micro_batch_size": ["0", "nonsense"],
    "packing": ["nonsense"],
    "attention": ["no-such-attention", "flash_attention_2"],
    "gradient_checkpointing": ["nonsense"],
    "save_steps": ["0", "nonsense"],
    "dequantize": ["nonsense"],
    "trust_remote_code": ["nonsense"],
    "recipe": ["/no/such.yaml", "no-such-recipe"],
    "name": ["a/b"],
}
"""Bad values of the recipe's fields; a new field needs some here, or a line in NOT_LOOKED_AT."""


def listed(table):
    """Return (name, value) of each bad value."""
    return [(name, value) for name, values in table.items() for value in values]


def prompts_for(name, folder):
    """Return the prompts= that a field is tried with: the demo's have columns of their own."""
    if name not in ("prompt_column", "prompt_template", "starter_column", "id_column"):
        return {}
    path = folder / "prompts.jsonl"
    path.write_text('{"question": "Say 1"}\n{"question": "Say 2"}\n')
    return {"prompts": str(path)}
