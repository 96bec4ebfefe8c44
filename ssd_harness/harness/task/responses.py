"""From a model's responses, as lm-eval keeps them on an instance, to programs and what is known of each generation."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ssd_harness.harness import evaluation_request
from ssd_harness.harness.generation import note_of
from ssd_harness.judge.problem_tests import Program
from ssd_harness.livecodebench.extraction import PromptEnd, extract, prompt_end
from ssd_harness.scoring.generation_facts import GenerationFacts

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance


def read_responses(instance: "Instance", *, opens_block: bool) -> Iterator[tuple[Program, GenerationFacts]]:
    """Yield program and facts of each response; ``opens_block`` says that the prompt ends inside a code block."""
    request = evaluation_request.current()
    # With think_end_token a model of lm-eval's hands out the answer alone, so that nothing marks its beginning.
    cut = request is not None and not request.own_model and "think_end_token" in request.model_args
    seen = prompt_end(str(instance.args[0])).reasoning and not cut
    for number, text in enumerate(instance.resps):
        note = note_of(text)
        reasoning = seen if note is None else note.in_reasoning
        made = extract(str(text), PromptEnd(block=opens_block, reasoning=reasoning))
        facts = GenerationFacts(
            note.truncated if note else None, note.tokens if note else None, made.unfinished_reasoning
        )
        yield Program(instance.doc["question_id"], number, made.code), facts
