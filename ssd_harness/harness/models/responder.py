"""Answer the requests of our tasks with seeded, stored samples: what every ``ssd-*`` model does alike."""

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
from ssd_harness.harness import evaluation_request
from ssd_harness.harness.generation import Generation, GenerationNote
from ssd_harness.harness.models import third_party_tasks
from ssd_harness.harness.models.decoding import Settled, settle
from ssd_harness.harness.models.model_under_test import Subject
from ssd_harness.harness.models.reasoning import ReasoningMarks
from ssd_harness.progress import ProgressLine

# lm-eval shows INFO of its own logger tree only.
log = logging.getLogger("lm_eval.ssd_harness")


@dataclass(kw_only=True)
class Responder:
    """Settles the decoding, renders and checks the prompts, draws what is not stored, and cuts the texts.

    A request of ours is an instance with the attribute ``messages``; all others go to the caller's own method. ``name``
    is the model's, as lm-eval knows it; ``context`` the tokens that prompt and generation may take together; ``encode``
    lm-eval's way to turn a text into token ids, which adds no second BOS to a rendered chat. ``thinking_end`` is the
    token or text up to which a generation is cut.
    """

    name: str
    engine: GenerationEngine
    tokenizer: Any
    subject: Subject
    context: int
    encode: Callable[[str], Sequence[int]]
    thinking_end: int | str | None = None
    rank: int = 0
    _decodings: dict[str, dict[str, Any]] = field(default_factory=dict, init=False)

    def respond(
        self, requests: Sequence[Instance], others: Callable[[list[Instance]], list[str]], *, quiet: bool = False
    ) -> list[str]:
        """Answer all requests in their order; every prompt is checked before the first token is drawn."""
        self._decodings = {}
        foreign = [number for number, request in enumerate(requests) if not hasattr(request, "messages")]
        answers: dict[int, str] = {}
        self._check_foreign([requests[number] for number in foreign], quiet=quiet)
        groups = self._plan({n: one for n, one in enumerate(requests) if hasattr(one, "messages")}, answers)
        if foreign:
            answers |= zip(foreign, others([requests[number] for number in foreign]), strict=True)
        for settled, wanted in groups.items():
            store = self._store(settled)
            with store.in_use():
                drawn = self._draw(list(wanted), settled, store, quiet=quiet)
            for made in drawn:
                answer = self._generation(made, settled.until)
                answers |= dict.fromkeys(wanted[made.request], answer)
                for number in wanted[made.request]:
                    # What lm-eval logs beside each sample is then what was used.
                    requests[number].arguments = (requests[number].args[0], settled.as_arguments())
        return [answers[number] for number in range(len(requests))]

    def _check_foreign(self, requests: Sequence[Instance], *, quiet: bool) -> None:
        """Refuse generation arguments and lengths of other people's tasks before the first token is drawn."""
        current = evaluation_request.current()
        given, vllm = current.gen_kwargs if current else {}, self.engine.name == "vllm"
        by_task: dict[str, list[Instance]] = defaultdict(list)
        for request in requests:
            by_task[str(request.task_name)].append(request)
        for task, asked in by_task.items():
            arguments = asked[0].args[1]
            third_party_tasks.check_arguments(task, arguments, given, vllm=vllm)
            lengths = [len(self.encode(request.args[0])) for request in asked]
            cut = third_party_tasks.check_lengths(task, arguments, lengths, context=self.context, model=self.name)
            if cut and not quiet and self.rank == 0:
                log.warning("%s", cut)

    def describe(self) -> dict[str, Any]:
        """Return how each task's generations were drawn, and the run's id: the same id, the same samples."""
        runs = {task: decoding["samples"] for task, decoding in self._decodings.items()}
        run = hashlib.sha256(json.dumps(runs, sort_keys=True).encode()).hexdigest()[:12] if runs else None
        generations = {"engine": dict(self.engine.identity()), "decoding": self._decodings}
        return {"run": run, "prompt_style": self.subject.style.block(), "generations": generations}

    def _plan(
        self, requests: Mapping[int, Instance], answers: dict[int, str]
    ) -> dict[Settled, dict[GenerationRequest, list[int]]]:
        """Return the continuations to draw by decoding, each with its requests' numbers; padding is answered at once.

        The repeats of a document are its samples, in order.
        """
        groups: dict[Settled, dict[GenerationRequest, list[int]]] = defaultdict(lambda: defaultdict(list))
        seen: Counter[tuple[str, int]] = Counter()
        known: dict[tuple[str, int], tuple[Settled, tuple[int, ...]]] = {}
        for number, request in requests.items():
            document = (str(request.task_name), int(request.doc_id or 0))
            index = seen[document]
            seen[document] += 1
            if index >= (request.repeats or 1):
                answers[number] = ""  # with several ranks lm-eval pads with copies, and throws their answers away
                continue
            if document not in known:
                settled = self._settle(request)
                known[document] = settled, self.prompt_ids(request, settled.decoding.max_new_tokens)
            settled, prompt = known[document]
            # Named by the problem, a sample is the same in every window and on every rank.
            key = str(request.doc.get("question_id") or document)
            groups[settled][GenerationRequest(key, index, prompt)].append(number)
        return groups

    def prompt_ids(self, request: Instance, max_new_tokens: int) -> tuple[int, ...]:
        """Return the token ids of a request's prompt; :class:`UsageError` where the context has no room for it."""
        if request.messages:
            recipe = self.subject.recipe
            ids = chat.prompt_ids(
                self.tokenizer, request.messages, template_options=recipe.template_values, date=recipe.template_date
            )
        else:
            ids = tuple(self.encode(request.args[0]))
        if len(ids) + max_new_tokens > self.context:
            raise UsageError(
                f"a prompt of {request.task_name} takes {len(ids):,} tokens, and with max_gen_toks={max_new_tokens:,} "
                f"that is more than the model's context of {self.context:,}",
                next_step=f"give --gen_kwargs max_gen_toks={max(1, self.context - len(ids))} or less",
            )
        return ids

    def _settle(self, request: Instance) -> Settled:
        current = evaluation_request.current()
        given = current.gen_kwargs if current else {}
        settled = settle(given, self.subject.decoding, self.subject.decoding_origins, request.args[1])
        task = str(request.task_name)
        rendered_before = bool(current and current.apply_chat_template)
        renders = bool(request.messages) and chat.has_template(self.tokenizer)
        described = {
            **asdict(settled.decoding),
            "until": list(settled.until),
            "origins": dict(settled.origins),
            "seed": torch.initial_seed(),
            "template": self.name if renders else "lm_eval" if rendered_before else "none",
            "samples": self._store(settled).id,
        }
        if self._decodings.get(task) != described and self.rank == 0:
            # lm-eval has just announced the task's own generation_kwargs, of which the model's may replace each field.
            log.info("%s: generating with %s", task, settled)
        self._decodings[task] = described
        return settled

    def _store(self, settled: Settled) -> GenerationStore:
        identity = {
            **self.subject.identity,
            "engine": dict(self.engine.identity()),
            "decoding": asdict(settled.decoding),
            "seed": torch.initial_seed(),  # lm-eval's --seed
        }
        return GenerationStore(identity, rank=self.rank)

    def _draw(
        self, wanted: Sequence[GenerationRequest], settled: Settled, store: GenerationStore, *, quiet: bool
    ) -> list[Continuation]:
        """Return the continuations: stored ones, and the others as the engine draws them."""
        found = {made.request: made for made in store.read(wanted, settled.decoding)}
        missing = [request for request in wanted if request not in found]
        if found and not quiet:
            log.info("%d of %d samples are there already, in %s", len(found), len(wanted), store.folder)
        missing.sort(key=lambda asked: (-len(asked.prompt_ids), asked.key, asked.index))
        drawn = []
        shows = not quiet and self.rank == 0
        with ProgressLine("generate", len(wanted), before=len(found)) if shows else contextlib.nullcontext() as line:
            for made in self.engine.generate(missing, settled.decoding, store.identity["seed"]):
                store.append(made)
                drawn.append(made)
                if line:
                    line.advance()
        return [*found.values(), *drawn]

    @functools.cached_property
    def _marks(self) -> ReasoningMarks:
        return ReasoningMarks(self.tokenizer, self.thinking_end)

    def _generation(self, made: Continuation, until: tuple[str, ...]) -> Generation:
        opened = self._marks.opened_by(made.request.prompt_ids)
        token_ids, inside = self._marks.split(made.token_ids, opened=opened)
        text = self.tokenizer.decode(token_ids, skip_special_tokens=True)
        end = self.thinking_end
        text = postprocess_generated_text(text, list(until), end if isinstance(end, str) else None)
        return Generation(text, GenerationNote(len(made.token_ids), made.stop.value, in_reasoning=inside))
