"""The statements of the evaluated problems, for the comparison with training prompts."""

from ssd_harness.harness.evaluation_request import EvaluationRequest
from ssd_harness.harness.task.evaluation_prompt import evaluation_prompt
from ssd_harness.harness.task.task_names import selection_of
from ssd_harness.livecodebench.releases import MINI
from ssd_harness.livecodebench.store import ProblemStore, open_store
from ssd_harness.prompt_styles import PromptTemplate
from ssd_harness.prompts.overlap.search import EvaluatedText
from ssd_harness.scoring.options import evaluation_options


def evaluated_texts(store: ProblemStore, prompt: PromptTemplate) -> list[EvaluatedText]:
    """Return the statements of all problems, each with the prompt that shows it."""
    contest = store.selection.release != MINI  # the mini problems differ from each other by a word, on purpose
    return [
        EvaluatedText(problem.question_id, problem.question_content, (prompt.render(problem.as_doc()).user,), contest)
        for problem in store.problems.values()
    ]


def requested_texts(request: EvaluationRequest, task: str) -> list[EvaluatedText] | None:
    """Return the texts of one of our tasks before lm-eval builds it; None if its problems are not known by its name."""
    options = evaluation_options(request.metadata, strict=False)
    selection = selection_of(task, release=options.release, window=options.window)
    return evaluated_texts(open_store(selection), evaluation_prompt(options.prompt)) if selection else None
