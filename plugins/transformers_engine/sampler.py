"""Draw training samples with the Hugging Face engine."""

from pathlib import Path

from ssd_harness.distill.engine_sampler import EngineSampler
from ssd_harness.engines import loading
from ssd_harness.plugins.transformers_engine.engine import HfEngine
from ssd_harness.recipe.definition import Recipe


class HfSampler(EngineSampler):
    """Loads the model with transformers, once."""

    def __init__(self, model_folder: Path, recipe: Recipe) -> None:
        device = loading.pick_device(recipe.device)
        tokenizer = loading.load_tokenizer(model_folder, trust_remote_code=recipe.trust_remote_code)
        model = loading.load_model(
            model_folder,
            device=device,
            dtype=loading.pick_dtype(recipe.dtype_train, device),
            dequantize=recipe.dequantize,
            trust_remote_code=recipe.trust_remote_code,
        )
        super().__init__(
            HfEngine(model, stop_ids=loading.stop_ids(model_folder, tokenizer), rows=recipe.sampling_rows),
            tokenizer,
            recipe,
            context=getattr(model.config.get_text_config(), "max_position_embeddings", None),
            about={"device": device, "dtype": str(model.dtype)},
        )
