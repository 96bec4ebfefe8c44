"""Check a whole evaluation against the model's own files, before anything is sampled or trained.

lm-eval reads most of its arguments only after it has built the model, which is after the transform.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ssd_harness.engines import chat, loading
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.harness import run_context
from ssd_harness.harness.evaluation_request import EvaluationRequest
from ssd_harness.harness.models import class_arguments, third_party_checks
from ssd_harness.harness.models.decoding_choice import ResolvedDecoding, check_fields, resolve_decoding
from ssd_harness.harness.task.evaluation_prompt import check_form, evaluation_prompt, with_instruction
from ssd_harness.harness.task.task_names import longest_generation, selection_of
from ssd_harness.livecodebench.problem import Problem
from ssd_harness.livecodebench.store import open_store
from ssd_harness.prompt_styles import PromptTemplate
from ssd_harness.recipe.definition import Recipe
from ssd_harness.scoring.options import evaluation_options

_NO_LIMIT = 10**9
"""Tokenizers without a limit report a larger number than this."""
_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "n_ctx")


def check(
    *,
    name: str,
    folder: Path,
    recipe: Recipe,
    decoding: Mapping[str, Any],
    origins: Mapping[str, str],
    arguments: Mapping[str, Any],
    vllm: bool = False,
    third_party: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Raise :class:`UsageError` now for any error that would otherwise end the evaluation after the transform.

    ``folder`` has configuration and tokenizer of the model ``name``, or of the base model from which it will be
    trained. ``decoding`` and ``origins`` are the model's own (see :class:`ModelUnderTest`), ``arguments`` are those of
    the model class besides the recipe fields, and ``vllm`` tells whether it starts vLLM. With ``third_party``, other
    tasks are loaded and checked too, and ``tell`` gets a line for each prompt or length that lm-eval will truncate.
    """
    class_arguments.check_with_model(arguments, folder, vllm=vllm, trust_remote_code=recipe.trust_remote_code)
    request = run_context.current().request
    if request is None:
        return
    check_fields(request.gen_kwargs, own_engine=bool(request.own_tasks))
    _check_template(request.apply_chat_template, chat.templates_of(folder), name)
    if request.own_tasks:
        check_form(request, _prompt(request))
    try:
        source = arguments.get("tokenizer") or folder
        tokenizer = loading.load_tokenizer(source, trust_remote_code=recipe.trust_remote_code)
    except InfrastructureError:
        return  # the sampler or the model class loads it next, and reports the error
    context = context_of(folder, tokenizer, arguments)
    if context is not None:
        decoding_for = functools.partial(_decoding, request, decoding, origins)
        _check_own_lengths(request, name, recipe, tokenizer=tokenizer, context=context, decoding_for=decoding_for)
    if third_party:
        _check_third_party(request, name, recipe, tokenizer=tokenizer, context=context, vllm=vllm, tell=tell)


def _prompt(request: EvaluationRequest) -> PromptTemplate:
    """Return the prompt of our tasks, which the user or the recipe chooses."""
    options = evaluation_options(request.metadata, strict=False)
    return with_instruction(evaluation_prompt(options.prompt), request.system_instruction)


def _decoding(
    request: EvaluationRequest, decoding: Mapping[str, Any], origins: Mapping[str, str], task: str
) -> ResolvedDecoding:
    return resolve_decoding(request.gen_kwargs, decoding, origins, {"max_gen_toks": longest_generation(task)})


def _check_own_lengths(
    request: EvaluationRequest,
    name: str,
    recipe: Recipe,
    *,
    tokenizer: Any,
    context: int,
    decoding_for: Callable[[str], ResolvedDecoding],
) -> None:
    """Require room for the longest prompt of each of our tasks and its generation."""
    options, prompt = evaluation_options(request.metadata, strict=False), _prompt(request)
    template: dict[str, Any] = {"template_options": recipe.template_values, "date": recipe.template_date}

    def length_of(problem: Problem) -> int:
        """Return the number of tokens in a problem's rendered prompt."""
        rendered = prompt.render(problem.as_doc())
        return len(chat.prompt_ids(tokenizer, rendered.messages, chat=rendered.chat, **template))

    for task in request.own_tasks:
        resolved = decoding_for(task)
        length = resolved.decoding.max_new_tokens
        selection = selection_of(task, release=options.release, window=options.window)
        if selection is None:
            continue
        longest = max((length_of(problem) for problem in selected_problems(task, selection, request)), default=0)
        if longest + length > context:
            raise UsageError(
                f"the longest prompt of {task} takes {longest:,} tokens, and with max_gen_toks={length:,} that is more "
                f"than the context of {name}, {context:,} tokens",
                next_step=_shorter(context - longest, dict(resolved.origins)["max_gen_toks"]),
            )


def _check_third_party(
    request: EvaluationRequest,
    name: str,
    recipe: Recipe,
    *,
    tokenizer: Any,
    context: int | None,
    vllm: bool,
    tell: Callable[[str], None],
) -> None:
    """Check what third-party tasks generate, with the prompts that lm-eval will build."""
    if request.third_party is None:
        return

    def render(history: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
        """Render a chat as lm-eval's model classes do."""
        with chat.frozen_date(recipe.template_date):
            return str(
                tokenizer.apply_chat_template(
                    history,
                    tokenize=False,
                    add_generation_prompt=add_generation_prompt,
                    continue_final_message=not add_generation_prompt,
                    **recipe.template_values,
                )
            )

    rendered = bool(request.apply_chat_template)
    for generation in request.third_party.generations(render if rendered else None):
        third_party_checks.check_arguments(generation.task, generation.arguments, request.gen_kwargs, vllm=vllm)
        if context is None:
            continue
        lengths = [len(tokenizer.encode(prompt, add_special_tokens=not rendered)) for prompt in generation.prompts()]
        if warning := third_party_checks.check_lengths(
            generation.task, generation.arguments, lengths, context=context, model=name
        ):
            tell(f"  {warning}")


def _shorter(room: int, decided_by: str) -> str:
    """Suggest a length that fits, as a value of the option that set the one that does not."""
    if room < 1:
        return "choose a model with a longer context, or leave its longest problems out with --samples"
    field = "--gen_kwargs max_gen_toks" if decided_by in ("--gen_kwargs", "task") else "max_gen_toks_eval"
    return f"give {field}={room} or less"


def context_of(folder: Path, tokenizer: Any, arguments: Mapping[str, Any]) -> int | None:
    """Return the context length in tokens, as lm-eval's class determines it; None if unknown."""
    length = arguments.get("max_length", arguments.get("max_model_len"))
    if length is not None:
        return int(length)
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    except Exception:  # noqa: BLE001 - loading the model reports the error better
        return None
    for key in _CONTEXT_KEYS:
        if isinstance(length := getattr(config, key, None), int):
            return length
    limit = getattr(tokenizer, "model_max_length", None)
    return int(limit) if isinstance(limit, int | float) and math.isfinite(limit) and limit < _NO_LIMIT else None


def _check_template(requested: bool | str, templates: Mapping[str, str], name: str) -> None:
    if requested and not templates:
        raise UsageError(
            f"--apply_chat_template is given, but {name} has no chat template",
            next_step="leave it out; for a base model give prompt_style=ssd/completion",
        )
    if isinstance(requested, str) and requested not in templates:
        raise UsageError(
            f"--apply_chat_template: {name} has no template called {requested!r}",
            next_step=f"choose one of: {', '.join(sorted(templates))}",
        )


def selected_problems(task: str, selection: Any, request: EvaluationRequest) -> list[Problem]:
    """Return the problems of a task that ``--limit`` or ``--samples`` selects."""
    problems = list(open_store(selection).problems.values())
    return [problems[index] for index in request.selected(task, len(problems))]
