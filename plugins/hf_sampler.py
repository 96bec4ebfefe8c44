"""Draw training samples with the Hugging Face engine."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ssd_harness.distill.contracts import Prompt, Sample
from ssd_harness.engines import chat, loading
from ssd_harness.engines.contracts import GenerationRequest
from ssd_harness.engines.hf import HfEngine
from ssd_harness.errors import UsageError
from ssd_harness.recipe import Recipe


class HfSampler:
    """Loads the model once and draws ``n_train`` samples a prompt."""

    def __init__(self, model_folder: Path, recipe: Recipe) -> None:
        self._recipe = recipe
        self._device = loading.pick_device(recipe.device)
        self._tokenizer = loading.load_tokenizer(model_folder, trust_remote_code=recipe.trust_remote_code)
        self._model = loading.load_model(
            model_folder,
            device=self._device,
            dtype=loading.pick_dtype(recipe.dtype_train, self._device),
            dequantize=recipe.dequantize,
            trust_remote_code=recipe.trust_remote_code,
        )
        stops = loading.stop_ids(model_folder, self._tokenizer)
        self._engine = HfEngine(self._model, stop_ids=stops, rows=recipe.sampling_rows)

    def sample(self, prompts: Iterable[Prompt], seed: int) -> Iterator[Sample]:
        """Yield samples as they finish; token ids are exactly those drawn."""
        requests = (request for prompt in prompts for request in self._requests(prompt))
        for made in self._engine.generate(requests, self._recipe.train_decoding, seed):
            text = self._tokenizer.decode(made.token_ids, skip_special_tokens=True)
            asked = made.request
            yield Sample(asked.key, asked.index, asked.prompt_ids, made.token_ids, text, made.stop.value)

    def describe(self) -> Mapping[str, Any]:
        """Return device, precision and whether a chat template was applied."""
        templated = self._recipe.prompt_format == "chat" and chat.has_template(self._tokenizer)
        return {"device": self._device, "dtype": str(self._model.dtype), "chat_template": templated}

    def _requests(self, prompt: Prompt) -> Iterator[GenerationRequest]:
        options = {"reasoning_effort": self._recipe.reasoning_effort} if self._recipe.reasoning_effort else {}
        ids = chat.prompt_ids(
            self._tokenizer,
            prompt.as_chat(),
            chat=self._recipe.prompt_format == "chat",
            template_options=options,
        )
        context = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)
        if context and len(ids) + self._recipe.max_new_tokens_train > context:
            raise UsageError(
                f"prompt {prompt.id!r} takes {len(ids):,} tokens, which with max_new_tokens_train="
                f"{self._recipe.max_new_tokens_train:,} is more than the model's context of {context:,}",
                next_step=f"give max_new_tokens_train={max(1, context - len(ids))} or less",
            )
        return (GenerationRequest(prompt.id, index, ids) for index in range(self._recipe.n_train))
