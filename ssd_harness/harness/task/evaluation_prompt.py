"""The prompt that an evaluation asks its problems with: ``--metadata``'s, else the model's own, else the default."""

from dataclasses import replace

from ssd_harness import prompt_styles
from ssd_harness.errors import UsageError
from ssd_harness.harness import run_context
from ssd_harness.harness.evaluation_request import EvaluationRequest
from ssd_harness.prompt_styles import PromptTemplate


def evaluation_prompt(name: str | None) -> PromptTemplate:
    """Return the prompt of the current evaluation; ``name`` is the one that ``--metadata`` chooses, if any."""
    if name is not None:
        return prompt_styles.load(name)
    chosen = run_context.current().prompt
    return chosen.template if chosen else prompt_styles.load(prompt_styles.DEFAULT)


def check_form(request: EvaluationRequest, prompt: PromptTemplate) -> None:
    """Raise :class:`UsageError` for a raw completion prompt inside a chat template."""
    if request.apply_chat_template and not prompt.chat:
        raise UsageError(
            f"the prompt {prompt.name} is a raw completion prompt, and --apply_chat_template makes it a chat",
            next_step="leave --apply_chat_template out, or choose another prompt",
        )


def joined(*texts: str | None) -> str | None:
    """Join system messages into one; None if there is none."""
    return "\n\n".join(text for text in texts if text) or None


def with_instruction(prompt: PromptTemplate, instruction: str | None) -> PromptTemplate:
    """Return the prompt with lm-eval's ``--system_instruction`` before its own system message."""
    return replace(prompt, system=joined(instruction, prompt.system)) if instruction else prompt
