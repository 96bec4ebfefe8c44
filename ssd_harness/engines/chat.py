"""From chat messages to token ids: the one place where a chat template is applied, in training and evaluation alike."""

from collections.abc import Mapping, Sequence
from typing import Any

from ssd_harness.errors import UsageError

Messages = Sequence[Mapping[str, str]]


def has_template(tokenizer: Any) -> bool:
    """Whether the tokenizer brings a chat template."""
    return bool(getattr(tokenizer, "chat_template", None))


def prompt_ids(
    tokenizer: Any, messages: Messages, *, chat: bool = True, template_options: Mapping[str, Any] | None = None
) -> tuple[int, ...]:
    """Return the token ids of a prompt, ready for the assistant's turn.

    Through the chat template if ``chat`` and the tokenizer has one, else the contents, an empty line between them.
    A template that refuses a system message gets it at the start of the user's turn.
    """
    if not chat or not has_template(tokenizer):
        return tuple(tokenizer.encode("\n\n".join(message["content"] for message in messages)))
    options = {"add_generation_prompt": True, "tokenize": False, **(template_options or {})}
    from jinja2 import TemplateError

    try:
        text = tokenizer.apply_chat_template(list(messages), **options)
    except TemplateError as error:
        if len(messages) < 2 or messages[0]["role"] != "system":
            raise UsageError(f"the chat template refuses a prompt: {error}") from error
        first, second, *rest = messages
        joined = {**second, "content": f"{first['content']}\n\n{second['content']}"}
        return prompt_ids(tokenizer, [joined, *rest], template_options=template_options)
    # The template has written every special token that belongs there.
    return tuple(tokenizer.encode(text, add_special_tokens=False))
