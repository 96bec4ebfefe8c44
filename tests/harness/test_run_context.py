import contextvars
from types import SimpleNamespace

import pytest

from ssd_harness.harness import run_context
from ssd_harness.harness.evaluation_request import EvaluationRequest
from ssd_harness.harness.generation import Generation
from ssd_harness.harness.run_context import RunContext

DRAWN = Generation("print(1)", 7, "length")


def instance(task="ours", document=0):
    return SimpleNamespace(task_name=task, doc_id=document)


@pytest.fixture
def context():
    with run_context.entered(RunContext()) as context:
        context.add_request(instance(), [{"role": "user", "content": "Hi"}])
        context.own_request(instance()).generations[1] = DRAWN
        yield context


def test_a_generation_is_known_by_its_request_and_sample(context):
    found = context.generation(instance(), 1, "print(1)")
    assert (found.tokens, found.truncated, found.in_reasoning) == (7, True, False)
    assert context.generation(instance(), 0, "print(1)") is None
    assert context.generation(instance("theirs"), 1, "print(1)") is None
    assert context.generation(instance(document=1), 1, "print(1)") is None


def test_a_response_that_the_model_did_not_give_is_unknown(context):
    """As one from lm-eval's cache, which stands between model and task."""
    assert context.generation(instance(), 1, "print(2)") is None


def test_a_request_that_is_built_again_has_no_generations(context):
    """As in the next evaluation in the same process."""
    context.add_request(instance(), None)
    assert context.generation(instance(), 1, "print(1)") is None
    assert context.own_request(instance()).messages is None


def test_evaluations_share_the_command_and_nothing_else(context):
    context.sample_seeds = (1, 2)
    inner = context.for_evaluation(EvaluationRequest(tasks=("a",)))
    assert inner.command is context.command
    assert (inner.request.tasks, inner.index_tasks) == (("a",), ("a",))
    assert (inner.own_requests, inner.sample_seeds, inner.prompt) == ({}, (), None)
    assert context.for_command().command is not context.command


def test_the_context_ends_with_its_block_and_other_threads_have_their_own(context):
    outer = run_context.current()
    assert outer is context
    with run_context.entered(context.for_command()) as inner:
        assert run_context.current() is inner
        assert contextvars.Context().run(run_context.current) is not inner
    assert run_context.current() is outer
    with pytest.raises(ZeroDivisionError), run_context.entered(context.for_command()):
        _ = 1 / 0
    assert run_context.current() is outer


def test_a_dry_run_covers_the_evaluations_inside(context):
    context.end_dry_run()  # no dry run: nothing happens
    loads = []

    def load():
        loads.append(1)
        return len(loads)

    assert [context.remember("index", load), context.remember("index", load)] == [1, 2]
    with run_context.dry_run("arguments") as outer:
        inner = outer.for_command().for_evaluation(EvaluationRequest())
        assert not inner.checks_machine
        with pytest.raises(run_context.DryRunFinished):
            inner.end_dry_run()
        assert [inner.remember("index", load), outer.remember("index", load)] == [3, 3]
    with run_context.dry_run("machine") as outer:
        assert outer.checks_machine
    assert run_context.current() is context
