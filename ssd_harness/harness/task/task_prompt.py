"""In which words the problems are asked: ``--metadata``'s, else the model's own, else the default's."""

from dataclasses import replace

from ssd_harness import prompt_styles
from ssd_harness.errors import UsageError
from ssd_harness.harness.evaluation_request import EvaluationRequest
from ssd_harness.prompt_styles import PromptTemplate

NOTE = "prompt_style"
"""Where the evaluation's notes keep the prompt style of a model of ours, and how the evaluation differs from it."""


def asked_prompt(request: EvaluationRequest | None, prompt: str | None) -> PromptTemplate:
    """Return the words for the problems; ``prompt`` is what ``--metadata`` says about them."""
    if prompt is not None:
        return prompt_styles.load(prompt)
    noted = request.notes.get(NOTE) if request else None
    return noted[0] if noted else prompt_styles.load(prompt_styles.DEFAULT)


def difference(request: EvaluationRequest | None) -> str | None:
    """Return how the evaluation's words differ from those that the model of ours was trained in, None if not."""
    noted = request.notes.get(NOTE) if request else None
    return noted[1] if noted else None


def check_form(request: EvaluationRequest, prompt: PromptTemplate) -> None:
    """Raise :class:`UsageError` for a raw completion in a chat template."""
    if request.apply_chat_template and not prompt.chat:
        raise UsageError(
            f"the prompt {prompt.name} is a raw completion and belongs into no chat template",
            next_step="leave --apply_chat_template out, or choose another prompt",
        )


def joined(*texts: str | None) -> str | None:
    """Return one system message of several, None of none."""
    return "\n\n".join(text for text in texts if text) or None


def with_instruction(prompt: PromptTemplate, instruction: str | None) -> PromptTemplate:
    """Return a prompt with lm-eval's ``--system_instruction`` before its own system message."""
    return replace(prompt, system=joined(instruction, prompt.system)) if instruction else prompt
