"""Prompt styles: how a programming problem is worded, in training and in evaluation."""

from collections.abc import Mapping
from typing import Any

from ssd_harness.prompt_styles.template import (
    DEFAULT,
    PromptTemplate,
    RenderedPrompt,
    from_record,
    is_name,
    load,
    names,
)

__all__ = ["DEFAULT", "PromptTemplate", "RenderedPrompt", "from_record", "is_name", "load", "names", "render"]


def render(row: Mapping[str, Any], style: str = DEFAULT) -> RenderedPrompt:
    """Render one problem with the prompt style ``style``; see :func:`load` for the names."""
    return load(style).render(row)
