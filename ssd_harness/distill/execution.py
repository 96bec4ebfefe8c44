"""Sample filters that run programs in the sandbox and keep samples by the judge's verdicts.

Simple self-distillation uses no such signal; a checkpoint made with one of these filters is called a verified variant.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from ssd_harness.distill.filters import no_argument
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.extensions import components, plugin_manager
from ssd_harness.extensions.contracts import Candidate, Prompt, PromptTests
from ssd_harness.judge.judges import Judge
from ssd_harness.judge.problem_tests import ProblemTests, Program
from ssd_harness.judge.scheduler import judge_programs
from ssd_harness.judge.verdicts import ProgramVerdict, Verdict
from ssd_harness.livecodebench.extraction import extract
from ssd_harness.recipe.definition import Recipe
from ssd_harness.sandbox.interface import Sandbox, chosen_sandbox

_BATCH = 512
"""Programs judged at a time; a shard is written once all its programs have verdicts."""
_RAN = {Verdict.AC, Verdict.WA}
_NOTHING = PromptTests(("",), ("",))
_NO_TESTS = "no tests"


class Execution:
    """Runs each sample's program on its prompt's tests, and keeps the sample by the verdict."""

    def __init__(self, judge: Judge, *, all_tests: bool) -> None:
        self._judge, self._all_tests = judge, all_tests

    def check(self, prompts: Iterable[Prompt]) -> None:
        """Raise if the sandbox is not available, or if all tests must pass and no prompt has tests."""
        if self._all_tests and not any(prompt.tests for prompt in prompts):
            raise UsageError(
                "filter=passes-tests needs prompts with tests, and none has any",
                next_step="give tests_column=, or prompts=demo, or another filter=",
            )
        self._sandbox().check()

    def describe(self, prompts: Iterable[Prompt]) -> Mapping[str, Any]:
        """Return the judge, the tests and the sandbox, for the manifest."""
        tested = [bool(prompt.tests) for prompt in prompts]
        without = "their samples are dropped" if self._all_tests else "their programs run on empty standard input"
        return {
            "judge": self._judge.value,
            "tests": "all" if self._all_tests else "the first one, for its input alone",
            "prompts_with_tests": sum(tested),
            "prompts_without_tests": f"{len(tested) - sum(tested)}: {without}",
            "sandbox": self._sandbox().describe(),
        }

    def __call__(self, candidates: Iterable[Candidate]) -> Iterator[str | None]:
        """Yield a decision per candidate. Raises :class:`InfrastructureError` for a program without a verdict."""
        source = iter(candidates)
        with self._sandbox() as sandbox:
            while batch := list(islice(source, _BATCH)):
                tests = {
                    candidate.prompt.id: prompt_tests
                    for candidate in batch
                    if (prompt_tests := self._tests_of(candidate.prompt))
                }
                programs = [
                    Program(candidate.prompt.id, candidate.sample.index, extract(candidate.sample.text).code)
                    for candidate in batch
                    if candidate.prompt.id in tests
                ]
                verdicts = judge_programs(programs, tests.__getitem__, judge=self._judge, sandbox=sandbox)
                reasons = {(verdict.question_id, verdict.sample): self._reason(verdict) for verdict in verdicts}
                for candidate in batch:
                    yield reasons.get((candidate.prompt.id, candidate.sample.index), _NO_TESTS)

    def _tests_of(self, prompt: Prompt) -> ProblemTests | None:
        tests = prompt.tests
        if tests is None and self._all_tests:
            return None
        tests = tests or _NOTHING
        count = len(tests.inputs) if self._all_tests else 1
        inputs = tuple(text.encode("utf-8", "surrogatepass") for text in tests.inputs[:count])
        return ProblemTests(prompt.id, inputs, tests.outputs[:count], public=count, function=tests.function)

    def _reason(self, verdict: ProgramVerdict) -> str | None:
        if verdict.verdict is Verdict.IE:
            raise InfrastructureError(
                f"a program got no verdict: {verdict.message}",
                where=f"{verdict.question_id}#{verdict.sample}",
                next_step="run the same command again; decided shards are kept",
            )
        if verdict.passed or (not self._all_tests and verdict.verdict in _RAN):
            return None
        return "no program" if verdict.verdict is Verdict.NO_CODE else verdict.verdict.value

    @staticmethod
    def _sandbox() -> Sandbox:
        return plugin_manager.lookup(components.Sandbox, chosen_sandbox()).factory()


def executes(argument: str, _: Recipe) -> Execution:
    """Keep samples whose program ends without an error on the prompt's example input, or on empty standard input.

    Without tests, a program that reads input fails, because there is none: give prompts with tests.
    """
    no_argument("executes", argument)
    return Execution(Judge.STDIO, all_tests=False)


def passes_tests(argument: str, _: Recipe) -> Execution:
    """Keep samples whose program passes all tests of its prompt; ``argument`` is the judge, ``lcb`` if not given."""
    if argument not in {"", *Judge}:
        raise UsageError(f"passes-tests knows no judge {argument!r}", next_step="write filter=passes-tests:stdio")
    return Execution(Judge(argument or Judge.LCB), all_tests=True)
