"""Check a whole evaluation against the model's own files, before anything is sampled or trained.

lm-eval looks at most of its arguments only once the model is there: after the transform.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssd_harness import evaluation_request
from ssd_harness.engines import chat, loading
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.evaluation_request import EvaluationRequest
from ssd_harness.lcb.asked_prompt import asked_prompt, check_form, with_instruction
from ssd_harness.lcb.options import evaluation_options
from ssd_harness.lcb.problem import Problem
from ssd_harness.lcb.store import open_store
from ssd_harness.lcb.tasks import longest_generation, selection_of
from ssd_harness.models import class_arguments
from ssd_harness.models.decoding import check_fields, settle
from ssd_harness.recipe import Recipe

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
) -> None:
    """Raise :class:`UsageError` for whatever would end the requested evaluation after the transform.

    ``folder`` holds configuration and tokenizer of the model called ``name``, or of the base that it will be made from.
    ``decoding`` and ``origins`` are the model's own (:class:`~ssd_harness.models.subject.Subject`), ``arguments`` what
    the model class is built with beside the recipe.
    """
    class_arguments.check_with_model(arguments, folder, trust_remote_code=recipe.trust_remote_code)
    request = evaluation_request.current()
    if request is None:
        return
    check_fields(request.gen_kwargs, own_engine=bool(request.own_tasks))
    _check_template(request.apply_chat_template, chat.templates_of(folder), name)
    if not request.own_tasks:
        return
    options = evaluation_options(request.metadata, strict=False)
    prompt = with_instruction(asked_prompt(request, options.prompt), request.system_instruction)
    check_form(request, prompt)
    try:
        named = arguments.get("tokenizer") or folder
        tokenizer = loading.load_tokenizer(named, trust_remote_code=recipe.trust_remote_code)
    except InfrastructureError:
        return  # the sampler or the model class loads it next, and says what is wrong
    context = context_of(folder, tokenizer, arguments)
    handed: dict[str, Any] = {"template_options": recipe.template_values, "date": recipe.template_date}

    def length_of(problem: Problem) -> int:
        """Return the tokens of a problem's prompt, rendered as it will be."""
        one = prompt.render(problem.as_doc())
        return len(chat.prompt_ids(tokenizer, one.messages, chat=one.chat, **handed))

    for task in request.own_tasks:
        own = {"max_gen_toks": longest_generation(task)}
        settled = settle(request.gen_kwargs, decoding, origins, own)
        length = settled.decoding.max_new_tokens
        selection = selection_of(task, release=options.release, window=options.window)
        if selection is None or context is None:
            continue
        longest = max((length_of(problem) for problem in chosen_problems(task, selection, request)), default=0)
        if longest + length > context:
            raise UsageError(
                f"the longest prompt of {task} takes {longest:,} tokens, and with max_gen_toks={length:,} that is more "
                f"than the context of {name}, {context:,} tokens",
                next_step=_shorter(context - longest, dict(settled.origins)["max_gen_toks"]),
            )


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
