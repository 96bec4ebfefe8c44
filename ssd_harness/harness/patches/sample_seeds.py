"""Give each sample of a problem its own seed: lm-eval's API models would send one seed with all of them."""

import contextlib
import copy
import functools
import hashlib
import inspect
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from ssd_harness.harness import patches, run_context

_SPAN = 2**31
"""Seeds are smaller: some servers read a signed 32-bit integer."""


def wrap_evaluate(evaluator: Any) -> None:
    """Wrap ``evaluate``, which hands the model one instance once for each sample of a problem."""
    original: Callable[..., Any] = evaluator.evaluate
    signature = inspect.signature(original)

    @functools.wraps(original)
    def evaluate(*args: Any, **kwargs: Any) -> Any:
        try:
            model = signature.bind(*args, **kwargs).arguments["lm"]
            seeded = _seeded(model) if _sends_a_seed(model) else contextlib.nullcontext()
        except Exception as error:  # noqa: BLE001 - a call that we cannot read is left to lm-eval
            patches.step_aside("cannot give each sample its own seed", error)
            seeded = contextlib.nullcontext()
        with seeded:
            return original(*args, **kwargs)

    evaluator.evaluate = evaluate


def seed_of(base: int, sample: int) -> int:
    """Return the seed of one of a problem's samples.

    All samples of a run differ, and runs whose ``base`` differs by one have no seed in common.
    """
    start = int.from_bytes(hashlib.sha256(str(base).encode()).digest()[:8], "big")
    return (start + sample) % _SPAN


def _sends_a_seed(model: Any) -> bool:
    """Return whether the model is one of lm-eval's API classes."""
    return isinstance(getattr(model, "_seed", None), int) and callable(getattr(model, "_create_payload", None))


@contextlib.contextmanager
def _seeded(model: Any) -> Iterator[None]:
    """Make ``model`` send the seeds inside the block, and record in the run context which of them it sent."""
    sent: set[int] = set()
    generate_until, create_payload = model.generate_until, model._create_payload  # noqa: SLF001 - lm-eval's interface

    def recording(*args: Any, **kwargs: Any) -> Any:
        payload = create_payload(*args, **kwargs)
        seed = payload.get("seed") if isinstance(payload, dict) else None
        if isinstance(seed, int):
            sent.add(seed)
        return payload

    def generate(requests: list[Any], *args: Any, **kwargs: Any) -> list[str]:
        answers = _by_sample(model, requests, lambda part: generate_until(part, *args, **kwargs), sent)
        return [answers[number] for number in range(len(requests))]

    model.generate_until, model._create_payload = generate, recording  # noqa: SLF001
    try:
        yield
    finally:
        del model.generate_until, model._create_payload  # noqa: SLF001 - the class has its own again


def _by_sample(
    model: Any, requests: list[Any], generate: Callable[[list[Any]], list[str]], sent: set[int]
) -> dict[int, str]:
    """Request all first samples, then all second ones, and so on: the requests of one call share the model's seed."""
    context = run_context.current()
    parts: dict[int | None, list[int]] = defaultdict(list)
    seen: Counter[int] = Counter()
    for number, request in enumerate(requests):
        own = context.own_request(request) is not None and (request.repeats or 1) > 1
        parts[seen[id(request)] if own else None].append(number)
        seen[id(request)] += 1
    answers: dict[int, str] = {}
    base = model._seed  # noqa: SLF001
    used: list[int] = []
    for sample, numbers in parts.items():
        batch = [requests[number] for number in numbers]
        if sample is not None:
            model._seed = seed_of(base, sample)  # noqa: SLF001
            batch = [_with_seed(request, sample) for request in batch]
        try:
            answers |= zip(numbers, generate(batch), strict=True)
        finally:
            model._seed = base  # noqa: SLF001
        used += [seed_of(base, sample)] if sample is not None else []
    if used and sent.issuperset(used):
        context.sample_seeds = tuple(used)
    return answers


def _with_seed(request: Any, sample: int) -> Any:
    """Derive the sample's seed from ``--gen_kwargs seed=…``, if given, which overrides the model's."""
    text, options = request.args[:2]
    if not isinstance(options, dict) or not isinstance(options.get("seed"), int):
        return request
    changed = copy.copy(request)
    changed.arguments = (text, {**options, "seed": seed_of(options["seed"], sample)}, *request.args[2:])
    return changed
