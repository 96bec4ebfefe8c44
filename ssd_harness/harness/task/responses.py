"""Read the responses that lm-eval keeps on an instance: programs, and how each generation ended."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ssd_harness.harness import run_context
from ssd_harness.judge.problem_tests import Program
from ssd_harness.livecodebench.extraction import PromptEnd, extract, prompt_end
from ssd_harness.scoring.generation_facts import GenerationFacts

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance


def read_responses(instance: "Instance", *, opens_block: bool) -> Iterator[tuple[Program, GenerationFacts]]:
    """Yield program and facts of each response; ``opens_block`` is true if the prompt ends inside a code block."""
    context = run_context.current()
    request = context.request
    # With think_end_token, lm-eval's own models return only the answer, without the mark that ends the reasoning.
    answer_only = request is not None and not request.own_model and "think_end_token" in request.model_args
    prompt_opens_reasoning = prompt_end(str(instance.args[0])).reasoning and not answer_only
    for sample, text in enumerate(instance.resps):
        generation = context.generation(instance, sample, text)
        in_reasoning = generation.in_reasoning if generation else prompt_opens_reasoning
        extracted = extract(str(text), PromptEnd(block=opens_block, reasoning=in_reasoning))
        facts = GenerationFacts(
            generation.truncated if generation else None,
            generation.tokens if generation else None,
            extracted.unfinished_reasoning,
        )
        yield Program(instance.doc["question_id"], sample, extracted.code), facts
