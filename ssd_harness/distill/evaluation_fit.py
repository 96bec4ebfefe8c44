"""Whether an evaluation fits this machine, by estimate, and which settings would make it fit."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ssd_harness.distill.plan_lines import Say
from ssd_harness.errors import UsageError
from ssd_harness.estimates.device_memory import gigabytes
from ssd_harness.estimates.evaluation_cost import Evaluation
from ssd_harness.estimates.machine import Machine, this_machine
from ssd_harness.estimates.model_size import ModelSize, size_of
from ssd_harness.estimates.training_cost import GPU_WORDS, gpu_time
from ssd_harness.recipe.definition import Recipe

_SHORTEST = 1024
"""Tokens of a generation; shorter ones are not offered."""
_PROMPT = 8192
"""Tokens that vLLM's context should leave for a prompt."""
_DEVICES = (2, 4, 8)


def evaluation_line(evaluation: Evaluation) -> str:
    """Return the line with the evaluation's programs and tokens, at most."""
    tasks = ", ".join(evaluation.tasks)
    return f"evaluation on {tasks}: {evaluation.programs:,} programs, at most {evaluation.tokens:,} tokens"


def evaluation_memory(evaluation: Evaluation, size: ModelSize, machine: Machine, *, stored: int) -> str:
    """Return the evaluation's memory on a device by part; ``stored`` is the checkpoint's bytes per parameter."""
    memory = evaluation.memory(size, stored=stored, half=machine.on_gpu)
    if memory is None:
        return "evaluation not counted (the model is quantised or spread by its class)"
    parts = f"weights {gigabytes(memory.weights)}, cache of a sequence {gigabytes(memory.cache)}"
    shared = f", shared by {evaluation.engine.devices}" if evaluation.engine.devices > 1 else ""
    return f"evaluation {gigabytes(memory.total)} GB ({parts}{shared})"


def evaluation_misfits(evaluation: Evaluation, size: ModelSize, machine: Machine, *, stored: int) -> list[str]:
    """Return a clause for each thing that does not fit."""
    memory = evaluation.memory(size, stored=stored, half=machine.on_gpu)
    if memory is None or machine.memory is None or memory.total <= machine.memory:
        return []
    rows = f"evaluating sequences of {evaluation.sequence(size):,} tokens"
    return [f"{rows} takes about {gigabytes(memory.total)} GB, more than the {machine.words}"]


def evaluation_ways(evaluation: Evaluation, size: ModelSize, machine: Machine, *, stored: int) -> list[str]:
    """Return evaluation settings that would fit by the same estimate, each with its memory."""
    offered = []
    for alternatives in (_shorter(evaluation), _spread(evaluation, machine)):
        for words, changed in alternatives:
            if not evaluation_misfits(changed, size, machine, stored=stored):
                memory = changed.memory(size, stored=stored, half=machine.on_gpu)
                assert memory
                offered.append(f"{words} ({gigabytes(memory.total)} GB to evaluate)")
                break
    return offered


def _shorter(evaluation: Evaluation) -> Iterator[tuple[str, Evaluation]]:
    """Yield evaluations with shorter and shorter sequences."""
    engine, length = evaluation.engine, evaluation.longest
    if engine.vllm:
        yield _with_context(evaluation, length)
    length = 1 << (length - 1).bit_length() - 1
    while length >= _SHORTEST:
        words = f"--gen_kwargs max_gen_toks={length}"
        changed = replace(evaluation, longest=length)
        if engine.vllm:
            context, changed = _with_context(changed, length)
            words = f"{words} with {context}"
        yield words, changed
        length //= 2


def _with_context(evaluation: Evaluation, length: int) -> tuple[str, Evaluation]:
    context = length + _PROMPT
    return f"max_model_len={context}", replace(evaluation, engine=replace(evaluation.engine, context=context))


def _spread(evaluation: Evaluation, machine: Machine) -> Iterator[tuple[str, Evaluation]]:
    """Yield the same evaluation on more devices; of those that are here, if any is."""
    if not machine.on_gpu:
        return
    engine = evaluation.engine
    counts = [count for count in _DEVICES if count > engine.devices and (count <= machine.gpus or not machine.is_here)]
    if engine.vllm:
        for count in counts:
            yield f"tensor_parallel_size={count}", replace(evaluation, engine=replace(engine, devices=count))
    elif counts and machine.is_here:
        yield "parallelize=True", replace(evaluation, engine=replace(engine, devices=machine.gpus))


def refuse(problems: list[str], settings: list[str], *other_steps: str) -> UsageError:
    """Return the error for a run that does not fit, with settings that would fit and other steps."""
    steps = [f"what would fit: {'; '.join(settings)}" if settings else "no setting would fit", *other_steps]
    return UsageError(
        f"this does not fit, by estimate: {'; '.join(problems)}",
        next_step=f"{'; '.join(steps)}; check_fit=false continues anyway",
    )


def check_evaluation(
    evaluation: Evaluation, recipe: Recipe, *, name: str, folder: Path, stored: int, tell: Say
) -> None:
    """Print the cost of evaluating the model in ``folder``; raise :class:`UsageError` if it does not fit."""
    size, machine = size_of(name, folder), this_machine(recipe)
    if size is None:
        tell(f"  {evaluation_line(evaluation)}")
        return
    time = f"GPU time (estimated): {gpu_time(evaluation.hours(size))} at most (a GPU of {GPU_WORDS})"
    tell(f"  {evaluation_line(evaluation)}; {time}")
    there = f"; {machine.words}" if machine.memory is not None else ""
    tell(f"  memory (estimated): {evaluation_memory(evaluation, size, machine, stored=stored)}{there}")
    problems = evaluation_misfits(evaluation, size, machine, stored=stored)
    if problems and recipe.check_fit:
        raise refuse(problems, evaluation_ways(evaluation, size, machine, stored=stored))
