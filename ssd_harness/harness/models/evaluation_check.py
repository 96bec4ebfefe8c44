"""Check a whole evaluation against the model's own files, before anything is sampled or trained.

lm-eval looks at most of its arguments only once the model is there: after the transform.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ssd_harness.engines import chat, loading
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.harness import evaluation_request
from ssd_harness.harness.evaluation_request import EvaluationRequest
from ssd_harness.harness.models import class_arguments, third_party_tasks
from ssd_harness.harness.models.decoding import Settled, check_fields, settle
from ssd_harness.harness.task.task_prompt import asked_prompt, check_form, with_instruction
from ssd_harness.livecodebench.problem import Problem
from ssd_harness.livecodebench.store import open_store
from ssd_harness.livecodebench.task_names import longest_generation, selection_of
from ssd_harness.prompt_styles import PromptTemplate
from ssd_harness.recipe.definition import Recipe
from ssd_harness.scoring.options import evaluation_options

_NO_LIMIT = 10**9
"""What tokenizers without a limit name is larger than this."""
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
    others: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Raise :class:`UsageError` for whatever would end the requested evaluation after the transform.

    ``folder`` holds configuration and tokenizer of the model called ``name``, or of the base that it will be made from.
    ``decoding`` and ``origins`` are the model's own (see ``model_under_test.Subject``), ``arguments`` what the
    model class is built with beside the recipe; ``vllm`` says which engine it starts. With ``others``, tasks that
    are not ours are loaded and checked too, and ``tell`` is called with what lm-eval will cut.
    """
    class_arguments.check_with_model(arguments, folder, vllm=vllm, trust_remote_code=recipe.trust_remote_code)
    request = evaluation_request.current()
    if request is None:
        return
    check_fields(request.gen_kwargs, own_engine=bool(request.own_tasks))
    _check_template(request.apply_chat_template, chat.templates_of(folder), name)
    if request.own_tasks:
        check_form(request, _prompt(request))
    try:
        named = arguments.get("tokenizer") or folder
        tokenizer = loading.load_tokenizer(named, trust_remote_code=recipe.trust_remote_code)
    except InfrastructureError:
        return  # the sampler or the model class loads it next, and says what is wrong
    context = context_of(folder, tokenizer, arguments)
    if context is not None:
        settled_for = functools.partial(_settled, request, decoding, origins)
        _check_own_lengths(request, name, recipe, tokenizer=tokenizer, context=context, settled_for=settled_for)
    if others:
        _check_others(request, name, recipe, tokenizer=tokenizer, context=context, vllm=vllm, tell=tell)


def _prompt(request: EvaluationRequest) -> PromptTemplate:
    """Return the prompt of our tasks, as the user or the recipe words it."""
    options = evaluation_options(request.metadata, strict=False)
    return with_instruction(asked_prompt(request, options.prompt), request.system_instruction)


def _settled(request: EvaluationRequest, decoding: Mapping[str, Any], origins: Mapping[str, str], task: str) -> Settled:
    return settle(request.gen_kwargs, decoding, origins, {"max_gen_toks": longest_generation(task)})


def _check_own_lengths(
    request: EvaluationRequest,
    name: str,
    recipe: Recipe,
    *,
    tokenizer: Any,
    context: int,
    settled_for: Callable[[str], Settled],
) -> None:
    """Require room for the longest prompt of each of our tasks and its generation."""
    options, prompt = evaluation_options(request.metadata, strict=False), _prompt(request)
    handed: dict[str, Any] = {"template_options": recipe.template_values, "date": recipe.template_date}

    def length_of(problem: Problem) -> int:
        """Return the tokens of a problem's prompt, rendered as it will be."""
        one = prompt.render(problem.as_doc())
        return len(chat.prompt_ids(tokenizer, one.messages, chat=one.chat, **handed))

    for task in request.own_tasks:
        settled = settled_for(task)
        length = settled.decoding.max_new_tokens
        selection = selection_of(task, release=options.release, window=options.window)
        if selection is None:
            continue
        longest = max((length_of(problem) for problem in chosen_problems(task, selection, request)), default=0)
        if longest + length > context:
            raise UsageError(
                f"the longest prompt of {task} takes {longest:,} tokens, and with max_gen_toks={length:,} that is more "
                f"than the context of {name}, {context:,} tokens",
                next_step=_shorter(context - longest, dict(settled.origins)["max_gen_toks"]),
            )


def _check_others(
    request: EvaluationRequest,
    name: str,
    recipe: Recipe,
    *,
    tokenizer: Any,
    context: int | None,
    vllm: bool,
    tell: Callable[[str], None],
) -> None:
    """Check what tasks of others generate, with the prompts that lm-eval will build."""
    if request.generations_of_others is None:
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
    for asked in request.generations_of_others(render if rendered else None):
        third_party_tasks.check_arguments(asked.task, asked.arguments, request.gen_kwargs, vllm=vllm)
        if context is None:
            continue
        lengths = [len(tokenizer.encode(prompt, add_special_tokens=not rendered)) for prompt in asked.prompts()]
        if cut := third_party_tasks.check_lengths(asked.task, asked.arguments, lengths, context=context, model=name):
            tell(f"  {cut}")


def _shorter(room: int, decided_by: str) -> str:
    """Say which length would fit beside a prompt, as a field of whoever decided the length that does not."""
    if room < 1:
        return "choose a model with a longer context, or leave its longest problems out with --samples"
    field = "--gen_kwargs max_gen_toks" if decided_by in ("--gen_kwargs", "task") else "max_gen_toks_eval"
    return f"give {field}={room} or less"


def context_of(folder: Path, tokenizer: Any, arguments: Mapping[str, Any]) -> int | None:
    """Return how many tokens prompt and generation may take together, as lm-eval's class finds it; None: not known."""
    given = arguments.get("max_length", arguments.get("max_model_len"))
    if given is not None:
        return int(given)
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    except Exception:  # noqa: BLE001 - whoever loads the model in earnest says better what is wrong with it
        return None
    for key in _CONTEXT_KEYS:
        if isinstance(length := getattr(config, key, None), int):
            return length
    limit = getattr(tokenizer, "model_max_length", None)
    return int(limit) if isinstance(limit, int | float) and math.isfinite(limit) and limit < _NO_LIMIT else None


def _check_template(asked: bool | str, templates: Mapping[str, str], name: str) -> None:
    if asked and not templates:
        raise UsageError(
            f"--apply_chat_template is given, but {name} has no chat template",
            next_step="leave it out; for a base model give prompt_style=ssd/completion",
        )
    if isinstance(asked, str) and asked not in templates:
        raise UsageError(
            f"--apply_chat_template: {name} has no template called {asked!r}",
            next_step=f"choose one of: {', '.join(sorted(templates))}",
        )


def chosen_problems(task: str, selection: Any, request: EvaluationRequest) -> list[Problem]:
    """Return the problems of a task that ``--limit`` or ``--samples`` leaves."""
    problems = list(open_store(selection).problems.values())
    chosen, limit = request.samples.get(task), request.limit
    if chosen is not None:
        return [problems[number] for number in chosen if 0 <= number < len(problems)]
    if limit is None:
        return problems
    return problems[: math.ceil(len(problems) * limit) if limit < 1 else int(limit)]
