"""Answer the requests of our tasks with seeded, stored generations; every ``ssd-*`` model does it this way."""

import contextlib
import functools
import hashlib
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.utils import postprocess_generated_text

from ssd_harness.artifacts.generation_store import GenerationStore
from ssd_harness.engines import chat
from ssd_harness.engines.contracts import Continuation, GenerationEngine, GenerationRequest
from ssd_harness.errors import UsageError
from ssd_harness.harness import run_context
from ssd_harness.harness.generation import Generation
from ssd_harness.harness.models import third_party_checks
from ssd_harness.harness.models.decoding_choice import ResolvedDecoding, resolve_decoding
from ssd_harness.harness.models.model_under_test import ModelUnderTest
from ssd_harness.harness.models.reasoning import ReasoningMarks
from ssd_harness.harness.run_context import Message
from ssd_harness.progress import ProgressLine

# lm-eval shows INFO of its own logger tree only.
log = logging.getLogger("lm_eval.ssd_harness")


@dataclass(kw_only=True)
class Responder:
    """Resolves the decoding, renders and checks the prompts, generates what is not stored, and cuts the texts.

    Requests of our tasks are registered in the run context; all others go to lm-eval's own method.
    """

    name: str
    """The model's name in lm-eval."""
    engine: GenerationEngine
    tokenizer: Any
    under_test: ModelUnderTest
    context_length: int
    """Number of tokens that prompt and generation may take together."""
    encode: Callable[[str], Sequence[int]]
    """lm-eval's tokenization, which adds no second BOS to a rendered chat."""
    thinking_end: int | str | None = None
    """Token or text that ends the reasoning; everything up to it is cut."""
    rank: int = 0
    _decodings: dict[str, dict[str, Any]] = field(default_factory=dict, init=False)

    def respond(
        self,
        requests: Sequence[Instance],
        lm_eval_generate: Callable[[list[Instance]], list[str]],
        *,
        quiet: bool = False,
    ) -> list[str]:
        """Return the responses in the order of the requests; all prompts are checked before the first is answered."""
        self._decodings = {}
        context = run_context.current()
        own = {number: request for number, request in enumerate(requests) if context.own_request(request)}
        third_party = [number for number in range(len(requests)) if number not in own]
        responses: dict[int, str] = {}
        self._check_third_party([requests[number] for number in third_party], quiet=quiet)
        groups = self._plan(own, responses)
        if third_party:
            texts = lm_eval_generate([requests[number] for number in third_party])
            responses |= zip(third_party, texts, strict=True)
        for resolved, numbers_of in groups.items():
            store = self._store(resolved)
            with store.in_use():
                continuations = self._continuations(list(numbers_of), resolved, store, quiet=quiet)
            for continuation in continuations:
                generation = self._generation(continuation, resolved.until)
                for number in numbers_of[continuation.request]:
                    responses[number] = generation.text
                    if request := context.own_request(requests[number]):
                        request.generations[continuation.request.index] = generation
                    # lm-eval logs these arguments with each sample, so they must be the decoding that was used.
                    requests[number].arguments = (requests[number].args[0], resolved.as_arguments())
        return [responses[number] for number in range(len(requests))]

    def _check_third_party(self, requests: Sequence[Instance], *, quiet: bool) -> None:
        """Refuse generation arguments and lengths of third-party tasks before the first token is generated."""
        request = run_context.current().request
        gen_kwargs, vllm = request.gen_kwargs if request else {}, self.engine.name == "vllm"
        by_task: dict[str, list[Instance]] = defaultdict(list)
        for instance in requests:
            by_task[str(instance.task_name)].append(instance)
        for task, instances in by_task.items():
            arguments = instances[0].args[1]
            third_party_checks.check_arguments(task, arguments, gen_kwargs, vllm=vllm)
            lengths = [len(self.encode(instance.args[0])) for instance in instances]
            warning = third_party_checks.check_lengths(
                task, arguments, lengths, context=self.context_length, model=self.name
            )
            if warning and not quiet and self.rank == 0:
                log.warning("%s", warning)

    def describe(self) -> dict[str, Any]:
        """Return each task's decoding, and the id of the run: equal ids mean equal generations."""
        runs = {task: decoding["samples"] for task, decoding in self._decodings.items()}
        run = hashlib.sha256(json.dumps(runs, sort_keys=True).encode()).hexdigest()[:12] if runs else None
        generations = {"engine": dict(self.engine.identity()), "decoding": self._decodings}
        return {"run": run, "prompt_style": self.under_test.style.block(), "generations": generations}

    def _plan(
        self, requests: Mapping[int, Instance], responses: dict[int, str]
    ) -> dict[ResolvedDecoding, dict[GenerationRequest, list[int]]]:
        """Return the continuations to generate by decoding, each with the numbers of its requests.

        The repeats of a document are its samples, in order. Padding is answered at once.
        """
        groups: dict[ResolvedDecoding, dict[GenerationRequest, list[int]]] = defaultdict(lambda: defaultdict(list))
        counts: Counter[tuple[str, int]] = Counter()
        prompts: dict[tuple[str, int], tuple[ResolvedDecoding, tuple[int, ...]]] = {}
        for number, request in requests.items():
            document = (str(request.task_name), int(request.doc_id or 0))
            index = counts[document]
            counts[document] += 1
            if index >= (request.repeats or 1):
                responses[number] = ""  # with several ranks lm-eval pads with copies, and discards their responses
                continue
            if document not in prompts:
                resolved = self._resolve(request)
                prompts[document] = resolved, self.prompt_ids(request, resolved.decoding.max_new_tokens)
            resolved, prompt = prompts[document]
            # Keyed by the problem, a sample is the same in every window and on every rank.
            key = str(request.doc.get("question_id") or document)
            groups[resolved][GenerationRequest(key, index, prompt)].append(number)
        return groups

    def prompt_ids(self, request: Instance, max_new_tokens: int) -> tuple[int, ...]:
        """Return the token ids of a request's prompt; :class:`UsageError` if it does not fit the context."""
        if messages := self._messages(request):
            recipe = self.under_test.recipe
            ids = chat.prompt_ids(
                self.tokenizer, messages, template_options=recipe.template_values, date=recipe.template_date
            )
        else:
            ids = tuple(self.encode(request.args[0]))
        if len(ids) + max_new_tokens > self.context_length:
            raise UsageError(
                f"a prompt of {request.task_name} takes {len(ids):,} tokens, and with max_gen_toks={max_new_tokens:,} "
                f"that is more than the model's context of {self.context_length:,}",
                next_step=f"give --gen_kwargs max_gen_toks={max(1, self.context_length - len(ids))} or less",
            )
        return ids

    @staticmethod
    def _messages(instance: Instance) -> Sequence[Message] | None:
        request = run_context.current().own_request(instance)
        return request.messages if request else None

    def _resolve(self, instance: Instance) -> ResolvedDecoding:
        request = run_context.current().request
        gen_kwargs = request.gen_kwargs if request else {}
        under_test = self.under_test
        resolved = resolve_decoding(gen_kwargs, under_test.decoding, under_test.decoding_origins, instance.args[1])
        task = str(instance.task_name)
        rendered_before = bool(request and request.apply_chat_template)
        renders = bool(self._messages(instance)) and chat.has_template(self.tokenizer)
        decoding = {
            **asdict(resolved.decoding),
            "until": list(resolved.until),
            "origins": dict(resolved.origins),
            "seed": torch.initial_seed(),
            "template": self.name if renders else "lm_eval" if rendered_before else "none",
            "samples": self._store(resolved).id,
        }
        if self._decodings.get(task) != decoding and self.rank == 0:
            # lm-eval logs the task's own generation_kwargs, which the model may override.
            log.info("%s: generating with %s", task, resolved)
        self._decodings[task] = decoding
        return resolved

    def _store(self, resolved: ResolvedDecoding) -> GenerationStore:
        identity = {
            **self.under_test.identity,
            "engine": dict(self.engine.identity()),
            "decoding": asdict(resolved.decoding),
            "seed": torch.initial_seed(),  # lm-eval's --seed
        }
        return GenerationStore(identity, rank=self.rank)

    def _continuations(
        self, requests: Sequence[GenerationRequest], resolved: ResolvedDecoding, store: GenerationStore, *, quiet: bool
    ) -> list[Continuation]:
        """Return the stored continuations, and generate and store the missing ones."""
        stored = {continuation.request: continuation for continuation in store.read(requests, resolved.decoding)}
        missing = [request for request in requests if request not in stored]
        if stored and not quiet:
            log.info("reusing %d of %d generations from %s", len(stored), len(requests), store.folder)
        missing.sort(key=lambda request: (-len(request.prompt_ids), request.key, request.index))
        generated = []
        shows = not quiet and self.rank == 0
        with ProgressLine("generate", len(requests), before=len(stored)) if shows else contextlib.nullcontext() as line:
            for continuation in self.engine.generate(missing, resolved.decoding, store.identity["seed"]):
                store.append(continuation)
                generated.append(continuation)
                if line:
                    line.advance()
        return [*stored.values(), *generated]

    @functools.cached_property
    def _marks(self) -> ReasoningMarks:
        return ReasoningMarks(self.tokenizer, self.thinking_end)

    def _generation(self, continuation: Continuation, until: tuple[str, ...]) -> Generation:
        opened = self._marks.opened_by(continuation.request.prompt_ids)
        token_ids, in_reasoning = self._marks.split(continuation.token_ids, opened=opened)
        text = self.tokenizer.decode(token_ids, skip_special_tokens=True)
        end = self.thinking_end
        text = postprocess_generated_text(text, list(until), end if isinstance(end, str) else None)
        return Generation(text, len(continuation.token_ids), continuation.stop.value, in_reasoning=in_reasoning)


class SeededModel:
    """Answers requests of our tasks with seeded generations; goes before a model class of lm-eval."""

    under_test: ModelUnderTest
    _responder: Responder

    def apply_chat_template(self, *args: Any, **kwargs: Any) -> str:
        """Render a chat for lm-eval (``--apply_chat_template``) with the recipe's date."""
        with chat.frozen_date(self.under_test.recipe.template_date):
            return str(super().apply_chat_template(*args, **kwargs))  # type: ignore[misc]

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """Return a response to each request: seeded generations for our own tasks, lm-eval's for all others."""
        lm_eval_generate = functools.partial(super().generate_until, disable_tqdm=disable_tqdm)  # type: ignore[misc]
        return self._responder.respond(requests, lm_eval_generate, quiet=disable_tqdm)
