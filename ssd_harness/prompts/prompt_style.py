"""Find the texts of a recipe's prompt style, and render the training prompts with them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ssd_harness import prompt_styles
from ssd_harness.artifacts import registry
from ssd_harness.errors import UsageError
from ssd_harness.extensions.contracts import Prompt
from ssd_harness.prompt_styles import PromptTemplate
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.resolution import GIVEN, Resolved

MANIFEST_KEY = "prompt_style"
"""Manifest entry with the texts, because their folder may change or be on another machine."""


def resolve_style(resolved: Resolved, pretrained: str) -> tuple[Resolved, PromptTemplate]:
    """Return the recipe with its ``prompt_format``, and its prompt style without the recipe's own system message.

    A checkpoint ``ssd:NAME`` keeps the texts that it was trained with. A raw completion sets ``prompt_format=raw``.
    Raises :class:`UsageError` for texts that cannot be read or used, and for fields that contradict them.
    """
    style = _texts(resolved, pretrained)
    recipe = resolved.recipe
    if style.system is not None and recipe.system_message is not None:
        raise UsageError(
            f"system_message is given, but the prompt style {style.name} already has a system message",
            next_step="leave system_message out, or choose another prompt_style",
        )
    if style.chat:
        if style.system is not None and recipe.prompt_format == "raw":
            raise UsageError(
                f"the prompt style {style.name} has a system message, which prompt_format=raw cannot use",
                next_step="choose another prompt_style, or leave prompt_format out",
            )
        return resolved, style
    if recipe.prompt_format == "chat" and resolved.origins["prompt_format"] == GIVEN:
        raise UsageError(
            f"prompt_format=chat is given, but the prompt style {style.name} is a raw completion",
            next_step="leave prompt_format out, or choose another prompt_style",
        )
    if recipe.system_message is not None:
        raise UsageError(
            f"system_message is given, but the prompt style {style.name} is a raw completion, which has none",
            next_step="leave system_message out, or choose another prompt_style",
        )
    if recipe.prompt_format != "raw":
        origins = {**resolved.origins, "prompt_format": "prompt_style"}
        resolved = replace(resolved, recipe=replace(recipe, prompt_format="raw"), origins=origins)
    return resolved, style


def with_system_message(style: PromptTemplate, recipe: Recipe) -> PromptTemplate:
    """Return the style with the recipe's system message."""
    return style if recipe.system_message is None else replace(style, system=recipe.system_message)


def of_recipe(recipe: Recipe) -> PromptTemplate:
    """Return the style that a recipe names, with the recipe's system message."""
    return with_system_message(prompt_styles.load(recipe.prompt_style or prompt_styles.DEFAULT), recipe)


def is_known(manifest: Mapping[str, Any]) -> bool:
    """Whether the style that a checkpoint was trained with is known; an imported one may not record it."""
    return manifest.get("trained") != registry.ELSEWHERE or bool(manifest.get(MANIFEST_KEY))


def of_manifest(manifest: Mapping[str, Any], where: object) -> PromptTemplate:
    """Return the style that a checkpoint was trained with, with its system message."""
    record, system = manifest.get(MANIFEST_KEY), manifest["recipe"].get("system_message")
    style = prompt_styles.from_record(record, where) if record else prompt_styles.load(prompt_styles.DEFAULT)
    return style if system is None else replace(style, system=str(system))


def identity(style: PromptTemplate) -> dict[str, str]:
    """Return the style's part of the fingerprint, which is empty for the default style."""
    return {} if style.sha256 == prompt_styles.load(prompt_styles.DEFAULT).sha256 else {"style": style.sha256}


def worded(prompt: Prompt, style: PromptTemplate, recipe: Recipe) -> Prompt:
    """Return the prompt worded in the style, with the style's system message.

    A programming problem is always worded; any other prompt only if the recipe names a style. Raises
    :class:`UsageError` if it then is a conversation, which no style can word.
    """
    system = (("system", style.system),) if style.system is not None and recipe.prompt_format == "chat" else ()
    messages = prompt.messages
    if prompt.problem is not None:
        messages = (("user", style.render(prompt.problem).user),)
    elif recipe.prompt_style is not None:
        *before, (role, text) = messages
        if role != "user" or any(other != "system" for other, _ in before):
            raise UsageError(
                f"prompt_style={recipe.prompt_style} words a single question, but the prompt {prompt.id!a} is a "
                "conversation",
                where=recipe.prompts,
                next_step='leave prompt_style out; --metadata \'{"prompt": "..."}\' words only the evaluation',
            )
        messages = (*before, ("user", style.render({"question_content": text}).user))
    return replace(prompt, messages=system + messages)


def _texts(resolved: Resolved, pretrained: str) -> PromptTemplate:
    name = resolved.recipe.prompt_style
    if pretrained.startswith(registry.PREFIX):
        checkpoint = registry.get(pretrained)
        record = checkpoint.manifest.get(MANIFEST_KEY)
        if record and resolved.origins["prompt_style"] in (f"manifest of {checkpoint.name}", "default"):
            return prompt_styles.from_record(record, f"manifest of {checkpoint.name}")
    return prompt_styles.load(name or prompt_styles.DEFAULT)
