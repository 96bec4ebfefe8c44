"""LiveCodeBench as an lm-eval task.

This class connects lm-eval to other rooms: data and extraction are in ``livecodebench``, prompts in ``prompt_styles``,
verdicts in ``scoring`` and ``judge``. All programs of a task are scored in one batch when lm-eval applies its filters.
Options come from ``--metadata``. The provenance of a result is under ``configs.TASK.metadata.ssd_harness``.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import datasets
from lm_eval.api.task import ConfigurableTask

from ssd_harness import provenance
from ssd_harness.artifacts.verdict_journal import Journal
from ssd_harness.errors import SsdError, UsageError
from ssd_harness.harness import process_group, run_context
from ssd_harness.harness.task.evaluation_prompt import evaluation_prompt, joined
from ssd_harness.harness.task.metrics import level_errors, metric_list, problem_metrics
from ssd_harness.harness.task.responses import read_responses
from ssd_harness.harness.task.statements import evaluated_texts
from ssd_harness.harness.task.task_names import selection_of
from ssd_harness.home import home
from ssd_harness.judge.problem_tests import Program
from ssd_harness.livecodebench.releases import NOT_OFFICIAL
from ssd_harness.livecodebench.store import ProblemStore, open_store
from ssd_harness.progress import ProgressLine
from ssd_harness.prompts.overlap.search import EvaluatedText
from ssd_harness.scoring.batch import Scoring, score
from ssd_harness.scoring.equal_samples import EqualSamples, cause_of
from ssd_harness.scoring.generation_facts import summarize_facts
from ssd_harness.scoring.options import EvaluationOptions, evaluation_options
from ssd_harness.scoring.summary import left_out, summarize

# lm-eval shows INFO only of loggers below its own, "lm_eval".
_log = logging.getLogger("lm_eval.ssd_harness")

_FILTER = "none"
"""lm-eval's name for a task without filters; results are stored under it."""


class LivecodebenchTask(ConfigurableTask):
    """One window of LiveCodeBench: n programs per problem, pass@k overall and by difficulty."""

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        config = {**(config or {})}
        config.pop("class", None)  # the YAML key by which lm-eval finds this class; TaskConfig does not accept it
        self._options = _options(config)
        self._prompt = evaluation_prompt(self._options.prompt)
        self._store = _open(config, self._options)
        self._system_instruction: str | None = None
        self._report: dict[str, Any] = {}
        self._equal_reason: str | None = None
        config["repeats"] = self._options.repeats
        config["description"] = ""  # lm-eval would render this text as a template and run any code in it
        self._metrics = metric_list(self._options.repeats, self._store.split)
        config["metric_list"] = self._metrics
        config["process_results"] = "ssd_harness"  # if unset, lm-eval looks for pass@1 in the `evaluate` package
        super().__init__(config=config)
        _log.info("%s: %s", self.config.task, self._store.summary())
        for warning in (self._store.warning, left_out([self._options.repeats])):
            if warning:
                _log.warning("%s: %s", self.config.task, warning)

    def download(self, *_: Any, **__: Any) -> None:
        """Give lm-eval the problems without their tests, because it writes documents to its log files."""
        docs = [problem.as_doc() for problem in self._store.problems.values()]
        self.dataset = {self.config.test_split: datasets.Dataset.from_list(docs)}

    def doc_to_text(self, doc: Mapping[str, Any], *_: Any) -> str:
        """Return the user turn, or the raw completion prompt, without a chat template."""
        return self._prompt.render(doc).user

    def evaluated_texts(self) -> list[EvaluatedText]:
        """Return the problem statements, for the comparison with a model's training prompts."""
        return evaluated_texts(self._store, self._prompt)

    def doc_to_target(self, *_: Any) -> str:
        """Return an empty text: there is no reference program."""
        return ""

    def build_all_requests(self, **arguments: Any) -> None:
        """Build the requests, and store the user's system instruction for :meth:`construct_requests`."""
        self._system_instruction = arguments.get("system_instruction")
        if self.template_state == "none":
            _log.warning(
                "%s: the prompt %s is a chat turn, and this model gets it as plain text; add --apply_chat_template, or "
                'for a base model --metadata \'{"prompt": "ssd/completion"}\'',
                self.config.task,
                self._prompt.name,
            )
        super().build_all_requests(**arguments)

    def fewshot_context(self, doc: dict[str, Any], **arguments: Any) -> str | list[str]:
        """Build the text of one prompt, with the user's system message before the prompt's own."""
        system = joined(arguments.pop("system_instruction", None), self._prompt.system)
        return super().fewshot_context(doc, system_instruction=system, **arguments)  # type: ignore[no-any-return]

    def construct_requests(self, doc: dict[str, Any], ctx: str | list[str], **arguments: Any) -> Any:
        """Build one request, and register the chat that an ``ssd-*`` model renders for it.

        Other models get the plain text. There is no chat for a raw completion prompt, and none if lm-eval renders it.
        """
        templated = arguments.get("apply_chat_template", False)
        instance = super().construct_requests(doc, ctx, **arguments)
        messages = None if templated or not self._prompt.chat else self._messages(doc)
        run_context.current().add_request(instance, messages)
        return instance

    def apply_filters(self) -> None:
        """Extract all programs and score them in one batch; the filtered response is a JSON row with the verdict."""
        for instance in self._instances:
            # With several ranks, lm-eval pads with copies of the last request and adds their answers to it.
            del instance.resps[instance.repeats :]
        extracted = [
            (program, facts)
            for instance in self._instances
            for program, facts in read_responses(instance, opens_block=self._prompt.opens_block)
        ]
        programs = [program for program, _ in extracted]
        rows = [
            {"question_id": program.question_id, "sample": program.sample, "code": program.code, **facts.as_row()}
            for program, facts in extracted
        ]
        all_facts = [facts for part in process_group.gather([facts for _, facts in extracted]) for facts in part]
        self._equal_reason = self._equal_samples()
        if self.predict_only:
            self._report = {"generations": summarize_facts(all_facts)}
        else:
            verdicts = self._verdicts(programs)
            rows = [{**verdict.as_row(), **row} for verdict, row in zip(verdicts, rows, strict=True)]
            all_verdicts = [verdict for part in process_group.gather(verdicts) for verdict in part]
            self._report["summary"] = summarize(all_verdicts, self._store.problems, all_facts, equal=self._equal_reason)
            overlap = self._overlap()
            if overlap.get("allow_overlap"):
                self._report["summary"]["allow_overlap"] = True
                _log.warning(
                    "%s: this result was made with allow_overlap=true: %s", self.config.task, overlap["result"]
                )
        if self._equal_reason:
            _log.warning("%s: %s", self.config.task, self._equal_reason)
            self._report["equal_samples"] = self._equal_reason
            self._metrics = [metric for metric in self._metrics if metric["metric"].partition("_")[0] == "pass@1"]
        # lm-eval logs each response as str(response).
        logged = iter([json.dumps(row) for row in rows])
        for instance in self._instances:
            instance.filtered_resps[_FILTER] = [next(logged) for _ in instance.resps]

    def process_results(self, doc: Mapping[str, Any], results: list[Any]) -> dict[str, Any]:
        """Return pass@k of one problem by metric; None for the metrics of other difficulties."""
        if self.predict_only:
            return {"bypass": 999}  # the value that lm-eval aggregates "bypass" to
        repeats = 1 if self._equal_reason else self._options.repeats
        rows = [json.loads(row) for row in results[0]]
        return problem_metrics(rows, doc["difficulty"], self._store.split, repeats)

    def higher_is_better(self) -> dict[str, bool]:
        """Return the direction of each reported metric."""
        if self.predict_only:
            return dict(super().higher_is_better())
        return {str(metric["metric"]): True for metric in self._metrics}

    def standard_errors(self) -> dict[str, float | None]:
        """Return the standard errors that lm-eval does not compute, by metric; None for one that is undefined."""
        return level_errors(self._metrics)

    @property
    def mark(self) -> str | None:
        """The note that every table prints after the task's name; None if the data is the official release."""
        return NOT_OFFICIAL if self._store.unofficial else None

    def dump_config(self) -> dict[str, Any]:
        """Return the configuration that lm-eval stores with the results, with their provenance."""
        config = super().dump_config()
        # Other tools read the decoding here, and the model may have overridden the task's.
        config["generation_kwargs"] = self._decoding()
        # Names only: lm-eval would store the source code of the aggregation functions.
        config["metric_list"] = [metric["metric"] for metric in self._metrics]
        config["metadata"] = {**(config.get("metadata") or {}), "ssd_harness": self.provenance()}
        return config

    def provenance(self) -> dict[str, Any]:
        """Return the data, prompt, decoding, judge, sandbox and software that produced this task's result."""
        context = run_context.current()
        return {
            "data": self._store.describe(),
            "data_warning": self._store.warning,
            "prompt": {
                "name": self._prompt.name,
                "sha256": self._prompt.sha256,
                "differs_from_training": context.prompt.difference if context.prompt else None,
            },
            "system_instruction": self._system_instruction,
            "apply_chat_template": context.request.apply_chat_template if context.request else None,
            "chat_template": self.template_state,
            "repeats": self._options.repeats,
            **({"sample_seeds": list(context.sample_seeds)} if context.sample_seeds else {}),
            "generation_kwargs": self._decoding(),
            "overlap": self._overlap(),
            "software": provenance.collect(),
            **self._report,
        }

    def _decoding(self) -> Mapping[str, Any]:
        """Return the decoding that was used; an ``ssd-*`` model writes it into each request."""
        return self._instances[0].args[1] if self._instances else self.config.generation_kwargs

    def _equal_samples(self) -> str | None:
        """Return why only pass@1 can be computed; None unless all samples of each problem are the same."""
        counts = process_group.gather(
            EqualSamples.count([str(text) for text in instance.resps] for instance in self._instances)
        )
        request = run_context.current().request
        cause = cause_of(self._decoding(), own_model=bool(request and request.own_model))
        return sum(counts, EqualSamples()).reason(cause) if cause else None

    def _overlap(self) -> Mapping[str, Any]:
        """Return the overlap of our problems with the model's training prompts; empty for models without any."""
        return run_context.current().overlap.get(str(self.config.task), {})

    @property
    def predict_only(self) -> bool:
        """Whether lm-eval runs with ``--predict_only``: it then replaces our metrics with ``bypass``."""
        return "bypass" in self._metric_fn_list

    @property
    def template_state(self) -> str:
        """Which part renders the chat template: ``lm_eval``, ``model`` (an ``ssd-*`` model), or ``none``.

        ``raw prompt`` means a completion prompt, which needs no chat template; ``unknown`` means that lm-eval runs
        without our patches.
        """
        request = run_context.current().request
        if request is None:
            return "unknown"
        if request.apply_chat_template:
            return "lm_eval"
        if not self._prompt.chat:
            return "raw prompt"
        return "model" if request.own_model else "none"

    def _messages(self, doc: Mapping[str, Any]) -> list[dict[str, str]]:
        rendered = self._prompt.render(doc)
        system = joined(self._system_instruction, rendered.system)
        turns = [{"role": "system", "content": system}] if system else []
        return [*turns, {"role": "user", "content": rendered.user}]

    def _verdicts(self, programs: Sequence[Program]) -> Sequence[Any]:
        """Score this rank's programs; if one rank fails, all ranks fail."""
        try:
            scoring = self._score(programs)
        except SsdError as error:
            process_group.raise_together(error)
            raise
        process_group.raise_together(None)
        counts = process_group.gather((scoring.judged, len(programs)))
        judged, count = (sum(part) for part in zip(*counts, strict=True))
        self._report = {"scoring": {**scoring.provenance, "judged": judged, "programs": count}}
        return scoring.verdicts

    def _score(self, programs: Sequence[Program]) -> Scoring:
        journal = Journal(home() / "verdicts" / f"{self.config.task}.jsonl")
        with ProgressLine(f"{self.config.task}: scoring", len(programs)) as line:
            scoring = score(
                programs,
                self._store,
                self._options.scoring,
                journal,
                on_start=lambda missing: line.skip(len(programs) - missing),
                on_verdict=lambda _: line.advance(),
            )
        scoring.require_complete(f"the other verdicts are kept in {journal.path}; run the same command again")
        _log.info(
            "%s: %d programs scored, %d of them newly judged; judge %s, %s tests, sandbox %s %s, prompt %s %s",
            self.config.task,
            len(programs),
            scoring.judged,
            scoring.provenance["judge"],
            scoring.provenance["tests"],
            self._options.scoring.sandbox_name,
            scoring.provenance["sandbox"].get("fingerprint", ""),
            self._prompt.name,
            self._prompt.sha256[:12],
        )
        return scoring


def _options(config: Mapping[str, Any]) -> EvaluationOptions:
    """Read the user's options from ``--metadata``; without our patches, from the metadata of the task."""
    request = run_context.current().request
    if request is None:
        # lm-eval merges --model_args into this metadata, so unknown keys are no error.
        return evaluation_options(config.get("metadata") or {}, strict=False)
    # Keys for third-party tasks in the same run are no error either.
    return evaluation_options(request.metadata, strict=request.only_own_tasks)


def _open(config: Mapping[str, Any], options: EvaluationOptions) -> ProblemStore:
    task_arguments = config.get("dataset_kwargs") or {}
    name = str(config.get("task"))
    selection = selection_of(
        name,
        release=options.release or task_arguments.get("release"),
        window=options.window or task_arguments.get("window"),
    )
    if selection is None:
        raise UsageError(
            f"the task {name} defines neither release nor window", next_step="give both in its dataset_kwargs"
        )
    return open_store(selection)
