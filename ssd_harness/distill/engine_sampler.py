"""Draw training samples with a generation engine; the built-in samplers are this class over one engine each."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ssd_harness.engines import chat, loading
from ssd_harness.engines.contracts import GenerationRequest, LoadOptions
from ssd_harness.errors import UsageError
from ssd_harness.extensions import plugin_manager
from ssd_harness.extensions.components import Engine
from ssd_harness.extensions.contracts import Json, Prompt, Sample
from ssd_harness.recipe.definition import Recipe


class EngineSampler:
    """Draws ``n_train`` samples a prompt with the recipe's training decoding.

    Loads the model in ``model_folder`` with the engine called ``engine`` (hook ``ssd_engines``). Raises
    :class:`UsageError` for an unknown engine, and for one whose library is not installed.
    """

    def __init__(self, engine: str, model_folder: Path, recipe: Recipe) -> None:
        backend = plugin_manager.lookup(Engine, engine).factory()
        backend.require()
        self._tokenizer = loading.load_tokenizer(model_folder, trust_remote_code=recipe.trust_remote_code)
        options = LoadOptions(
            device=recipe.device,
            dtype=recipe.dtype_train,
            dequantize=recipe.dequantize,
            trust_remote_code=recipe.trust_remote_code,
            rows=recipe.sampling_rows,
            max_new_tokens=recipe.max_new_tokens_train,
        )
        self._engine = backend.load(model_folder, options, stop_ids=loading.stop_ids(model_folder, self._tokenizer))
        self._context, self._recipe = self._engine.context, recipe

    def check(self, prompts: Iterable[Prompt]) -> None:
        """Refuse a prompt that leaves too little room for its samples, before hours are spent on the others."""
        for prompt in prompts:
            self._prompt_ids(prompt)

    def sample(self, prompts: Iterable[Prompt], seed: int) -> Iterator[Sample]:
        """Yield samples as they finish; token ids are exactly those drawn."""
        requests = (request for prompt in prompts for request in self._requests(prompt))
        for continuation in self._engine.generate(requests, self._recipe.train_decoding, seed):
            text = self._tokenizer.decode(continuation.token_ids, skip_special_tokens=True)
            request = continuation.request
            yield Sample(
                request.key, request.index, request.prompt_ids, continuation.token_ids, text, continuation.stop.value
            )

    def describe(self) -> Mapping[str, Json]:
        """Return the engine's device, precision and version, and whether a chat template was applied."""
        templated = self._recipe.prompt_format == "chat" and chat.has_template(self._tokenizer)
        return {**self._engine.describe(), "chat_template": templated}

    def _requests(self, prompt: Prompt) -> Iterator[GenerationRequest]:
        ids = self._prompt_ids(prompt)
        return (GenerationRequest(prompt.id, index, ids) for index in range(self._recipe.n_train))

    def _prompt_ids(self, prompt: Prompt) -> tuple[int, ...]:
        ids = chat.prompt_ids(
            self._tokenizer,
            prompt.as_chat(),
            chat=self._recipe.prompt_format == "chat",
            template_options=self._recipe.template_values,
            date=self._recipe.template_date,
        )
        longest = self._recipe.max_new_tokens_train
        if self._context and len(ids) + longest > self._context:
            raise UsageError(
                f"prompt {prompt.id!r} takes {len(ids):,} tokens, which with max_new_tokens_train={longest:,} is more "
                f"than the model's context of {self._context:,}",
                next_step=_what_fits(self._context - len(ids)),
            )
        return ids


def hf(model_folder: Path, recipe: Recipe) -> EngineSampler:
    """Return the sampler ``hf``, which generates with transformers."""
    return EngineSampler("transformers", model_folder, recipe)


def vllm(model_folder: Path, recipe: Recipe) -> EngineSampler:
    """Return the sampler ``vllm``."""
    return EngineSampler("vllm", model_folder, recipe)


def _what_fits(room: int) -> str:
    shorter = f"give max_new_tokens_train={room} or less, or " if room > 0 else ""
    return f"{shorter}leave the prompt out with exclude_prompts=FILE, a file with its id"
