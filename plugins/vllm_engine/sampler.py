"""Draw training samples with vLLM."""

from pathlib import Path

from ssd_harness.distill.engine_sampler import EngineSampler
from ssd_harness.engines import loading
from ssd_harness.plugins.vllm_engine.engine import VllmEngine, load_llm, vllm_version
from ssd_harness.recipe.definition import Recipe

_PROMPT_TOKENS = 8192
"""Room that is always there for the prompt; where samples may be longer, prompts may be as long as they."""


class VllmSampler(EngineSampler):
    """Starts vLLM once, on the device that the stage sees."""

    def __init__(self, model_folder: Path, recipe: Recipe) -> None:
        longest = recipe.max_new_tokens_train
        llm = load_llm(
            model_folder,
            dtype=recipe.dtype_train,
            # vLLM wants memory for one sequence of the whole context, which is more than samples ever take.
            max_model_len=longest + max(longest, _PROMPT_TOKENS),
            max_num_seqs=recipe.sampling_rows,
            trust_remote_code=recipe.trust_remote_code,
        )
        tokenizer = loading.load_tokenizer(model_folder, trust_remote_code=recipe.trust_remote_code)
        engine = VllmEngine(llm, stop_ids=loading.stop_ids(model_folder, tokenizer))
        about = {"device": engine.device, "dtype": engine.dtype, "vllm": vllm_version()}
        super().__init__(engine, tokenizer, recipe, context=engine.context, about=about)
