"""``lm_eval --model ssd-hf``: sample from the model, fine-tune it on the samples, evaluate the result."""

import logging
import os
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils import postprocess_generated_text
from tqdm import tqdm

from ssd_harness import evaluation_request
from ssd_harness.engines import chat, loading
from ssd_harness.engines.contracts import GenerationRequest, Stop
from ssd_harness.engines.hf import HfEngine
from ssd_harness.errors import UsageError
from ssd_harness.generation import Generation, GenerationNote
from ssd_harness.models.arguments import split_arguments
from ssd_harness.models.decoding import Settled, settle
from ssd_harness.models.random_state import kept_random_state
from ssd_harness.models.subject import find_subject

# lm-eval shows INFO of its own logger tree only.
log = logging.getLogger("lm_eval.ssd_harness")


class SsdHf(HFLM):
    """lm-eval's Hugging Face model, with the transform before it and seeded samples for our own tasks.

    Takes any field of the recipe and any argument of HFLM; without ``pretrained``, SSD_HARNESS_PRETRAINED decides.
    """

    def __init__(
        self, pretrained: str | None = None, *, name: str | None = None, revision: str | None = None, **arguments: Any
    ) -> None:
        overrides, rest = split_arguments(arguments, HFLM)
        # No device is touched before this is done: of several ranks, one works in other processes, the others wait.
        with kept_random_state():
            self.subject = find_subject(pretrained, overrides, name=name, revision=revision)
        rest["device"] = loading.pick_device(rest.get("device"))
        if rest["device"].startswith("cpu"):
            rest.setdefault("dtype", "float32")  # half precision is slow there, and no two batches agree
            if int(os.environ.get("WORLD_SIZE", "1")) > 1:
                # Without this word accelerate takes ranks on a CPU for so many runs of their own.
                os.environ.setdefault("ACCELERATE_USE_CPU", "true")
        self._decodings: dict[str, Any] = {}
        self._truncated: Counter[str] = Counter()
        super().__init__(pretrained=str(self.subject.folder), **rest)
        if self._device.type == "cpu" and hasattr(self, "accelerator"):
            # HFLM shares the documents out among GPUs alone; ranks on the CPU would each answer all of them.
            self._rank, self._world_size = self.accelerator.process_index, self.accelerator.num_processes

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """Answer all requests: ours, which carry ``messages``, by the seeded engine; others as lm-eval does."""
        answers: dict[int, str] = {}
        others = [number for number, request in enumerate(requests) if not hasattr(request, "messages")]
        if others:
            texts = super().generate_until([requests[number] for number in others], disable_tqdm=disable_tqdm)
            answers |= zip(others, texts, strict=True)
        groups: dict[Settled, list[int]] = defaultdict(list)
        for number in range(len(requests)):
            if number not in answers:
                groups[self._settle(requests[number])].append(number)
        for settled, numbers in groups.items():
            answers |= self._generate({number: requests[number] for number in numbers}, settled, quiet=disable_tqdm)
        return [answers[number] for number in range(len(requests))]

    def get_model_info(self) -> dict[str, Any]:
        """Return lm-eval's description, and where the evaluated model and its generations came from."""
        generations = {"decoding": self._decodings, "truncated": dict(self._truncated)}
        return {**super().get_model_info(), "ssd": {**self.subject.about, "generations": generations}}

    def _settle(self, request: Instance) -> Settled:
        current = evaluation_request.current()
        settled = settle(
            current.gen_kwargs if current else {}, self.subject.decoding, self.subject.decoding_origin, request.args[1]
        )
        if str(request.task_name) not in self._decodings and self.rank == 0:
            # lm-eval has just announced the task's own generation_kwargs, of which the model's may replace each field.
            log.info("%s: generating with %s", request.task_name, settled)
        self._decodings[str(request.task_name)] = {
            **asdict(settled.decoding),
            "until": list(settled.until),
            "origins": dict(settled.origins),
            "seed": torch.initial_seed(),
            "template": "ssd-hf" if request.messages else "lm_eval or none",
        }
        return settled

    def _generate(self, requests: Mapping[int, Instance], settled: Settled, *, quiet: bool) -> dict[int, str]:
        """Draw one continuation a request; the repeats of a document are its samples, in order."""
        answers: dict[int, str] = {}
        wanted: dict[GenerationRequest, list[int]] = defaultdict(list)
        seen: Counter[tuple[str, int]] = Counter()
        prompts: dict[tuple[str, int], tuple[int, ...]] = {}
        for number, request in requests.items():
            document = (str(request.task_name), int(request.doc_id or 0))
            index = seen[document]
            seen[document] += 1
            if index >= (request.repeats or 1):
                answers[number] = ""  # with several ranks lm-eval pads with copies, and throws their answers away
                continue
            if document not in prompts:
                prompts[document] = self._prompt_ids(request, settled.decoding.max_new_tokens)
            # Named by the problem, a sample is the same in every window and on every rank.
            key = str(request.doc.get("question_id") or document)
            wanted[GenerationRequest(key, index, prompts[document])].append(number)
        rows = self.batch_size if isinstance(self.batch_size, int) and self.batch_size > 1 else None
        engine = HfEngine(self.model, stop_ids=loading.stop_ids(self.subject.folder, self.tokenizer), rows=rows)
        longest_first = sorted(wanted, key=lambda asked: (-len(asked.prompt_ids), asked.key, asked.index))
        bar = tqdm(total=len(wanted), desc="generate", unit="sample", disable=quiet or self.rank != 0)
        # lm-eval's --seed sets torch's before the model is built.
        for made in engine.generate(longest_first, settled.decoding, torch.initial_seed()):
            bar.update()
            for number in wanted[made.request]:
                note = GenerationNote(len(made.token_ids), made.stop.value)
                answers[number] = Generation(self._text(made.token_ids, settled.until), note)
                self._truncated[str(requests[number].task_name)] += made.stop is Stop.LENGTH
        bar.close()
        return answers

    def _prompt_ids(self, request: Instance, max_new_tokens: int) -> tuple[int, ...]:
        if request.messages:
            effort = self.subject.recipe.reasoning_effort
            options = {**({"reasoning_effort": effort} if effort else {}), **self.chat_template_args}
            ids = chat.prompt_ids(self.tokenizer, request.messages, template_options=options)
        else:
            ids = tuple(self.tok_encode(request.args[0]))
        if len(ids) + max_new_tokens > self.max_length:
            raise UsageError(
                f"a prompt of {request.task_name} takes {len(ids):,} tokens, and with max_gen_toks={max_new_tokens:,} "
                f"that is more than the model's context of {self.max_length:,}",
                next_step=f"give --gen_kwargs max_gen_toks={max(1, self.max_length - len(ids))} or less",
            )
        return ids

    def _text(self, token_ids: tuple[int, ...], until: tuple[str, ...]) -> str:
        thought = self.think_end_token
        if isinstance(thought, int) and thought in token_ids:
            token_ids = token_ids[len(token_ids) - token_ids[::-1].index(thought) :]
        text = self.tokenizer.decode(token_ids, skip_special_tokens=True)
        return postprocess_generated_text(text, list(until), thought if isinstance(thought, str) else None)
