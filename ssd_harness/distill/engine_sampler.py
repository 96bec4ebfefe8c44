"""Draw training samples with a generation engine: what every sampler does alike, whatever its backend."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ssd_harness.engines import chat
from ssd_harness.engines.contracts import Engine, GenerationRequest
from ssd_harness.errors import UsageError
from ssd_harness.extensions.contracts import Prompt, Sample
from ssd_harness.recipe.definition import Recipe


class EngineSampler:
    """Draws ``n_train`` samples a prompt from ``engine``, at the recipe's training decoding.

    ``context`` is how many tokens prompt and sample may take together; None sets no bound. ``about`` is the manifest's
    part about the backend.
    """

    def __init__(
        self, engine: Engine, tokenizer: Any, recipe: Recipe, *, context: int | None, about: Mapping[str, Any]
    ) -> None:
        self._engine, self._tokenizer, self._recipe = engine, tokenizer, recipe
        self._context, self._about = context, about

    def check(self, prompts: Iterable[Prompt]) -> None:
        """Refuse a prompt that leaves too little room for its samples, before hours are spent on the others."""
        for prompt in prompts:
            self._prompt_ids(prompt)

    def sample(self, prompts: Iterable[Prompt], seed: int) -> Iterator[Sample]:
        """Yield samples as they finish; token ids are exactly those drawn."""
        requests = (request for prompt in prompts for request in self._requests(prompt))
        for made in self._engine.generate(requests, self._recipe.train_decoding, seed):
            text = self._tokenizer.decode(made.token_ids, skip_special_tokens=True)
            asked = made.request
            yield Sample(asked.key, asked.index, asked.prompt_ids, made.token_ids, text, made.stop.value)

    def describe(self) -> Mapping[str, Any]:
        """Return what the backend says of itself, and whether a chat template was applied."""
        templated = self._recipe.prompt_format == "chat" and chat.has_template(self._tokenizer)
        return {**self._about, "chat_template": templated}

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


def _what_fits(room: int) -> str:
    shorter = f"give max_new_tokens_train={room} or less, or " if room > 0 else ""
    return f"{shorter}leave the prompt out with exclude_prompts=FILE, a file with its id"
