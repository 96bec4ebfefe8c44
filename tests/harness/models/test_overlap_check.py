"""The guard where a model, or a plan for one, meets the problems of an evaluation; nothing is sampled here."""

import dataclasses
import json
from types import SimpleNamespace

import pytest
from problem_families import mini

from ssd_harness import prompt_styles as prompt_texts
from ssd_harness.artifacts import base_model, registry, shards
from ssd_harness.distill import pipeline
from ssd_harness.distill.planning import make_plan
from ssd_harness.distill.training import CHECKPOINT
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.harness import run_context
from ssd_harness.harness.evaluation_request import EvaluationRequest
from ssd_harness.harness.models.model_under_test import prepare_model
from ssd_harness.harness.patches import overlap
from ssd_harness.harness.run_context import RunContext
from ssd_harness.harness.third_party_tasks import texts_of
from ssd_harness.prompts import prompt_set
from ssd_harness.prompts.overlap import livecodebench
from ssd_harness.prompts.overlap.guard import NO_PROMPTS, NO_TEXT, UNKNOWN
from ssd_harness.prompts.overlap.lineage import Lineage
from ssd_harness.prompts.overlap.search import EvaluatedText
from ssd_harness.recipe.definition import Recipe
from ssd_harness.results.model_card import model_card

pytestmark = pytest.mark.hf

MINI = "livecodebench_mini"
TAKEN = mini.problems()[4]


@pytest.fixture
def evaluating():
    """Stand in for lm-eval running our mini task; what the tasks of it would read comes back."""
    request = EvaluationRequest(tasks=(MINI, "other"), own_tasks=(MINI,))
    with run_context.entered(run_context.current().for_evaluation(request)) as context:
        yield context


@pytest.fixture
def base(tmp_path):
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "other"}')
    (folder / "generation_config.json").write_text('{"temperature": 1.0}')
    return folder


@pytest.fixture
def write(tmp_path):
    def write(*texts):
        path = tmp_path / "prompts.jsonl"
        path.write_text("".join(json.dumps({"id": f"p{k}", "prompt": text}) + "\n" for k, text in enumerate(texts)))
        return str(path)

    return write


def register(name, base, **fields):
    """Let the pipeline register a checkpoint whose stages have all finished before."""
    plan = make_plan(str(base), fields, name=name, tell=lambda _: None)
    (only,) = plan.rounds
    for folder in (only.samples, only.kept, only.training):
        folder.mkdir(parents=True, exist_ok=True)
        shards.write_manifest(folder, {})
    (folder / CHECKPOINT).mkdir()
    (folder / CHECKPOINT / "config.json").write_text('{"model_type": "other"}')
    return pipeline.run(plan)


def test_a_prompt_that_holds_a_problem_stops_the_run_before_anything_is_sampled(evaluating, base, write, state, capsys):
    shown = prompt_texts.render(TAKEN.row()).user
    prompts = write("Say something.", shown.upper().replace(" ", "  "), f"Also:\n{TAKEN.statement}")
    with pytest.raises(UsageError) as error:
        prepare_model(str(base), {"prompts": prompts})
    assert "2 prompts overlap 1 problem of livecodebench_mini" in str(error.value)
    assert f"'p1' equals '{TAKEN.question_id}'" in str(error.value)
    assert "'p2' contains 100% of" in str(error.value)
    assert not (state / "training").exists()
    assert "self-distillation of" in capsys.readouterr().err


def test_the_list_of_prompts_to_leave_out_makes_the_run_go_on(evaluating, base, write, state):
    shared = " ".join(TAKEN.statement.split()[:40])
    texts = [f"Number {k}: {shared}" for k in range(4)]
    prompts = write(TAKEN.statement, *texts, "Say something.", "Say nothing.")
    with pytest.raises(UsageError) as error:
        prepare_model(str(base), {"prompts": prompts})
    assert "5 prompts overlap" in str(error.value)
    assert f"exclude_prompts={error.value.where}" in str(error.value)
    lines = []
    plan = make_plan(str(base), {"prompts": prompts, "exclude_prompts": str(error.value.where)}, tell=lines.append)
    assert [prompt.text for prompt in plan.prompts] == ["Say something.", "Say nothing."]
    assert any("5 left out by exclude_prompts" in line for line in lines)
    register("clean", base, prompts=prompts, exclude_prompts=str(error.value.where))
    assert prepare_model("ssd:clean", {}).about["overlap"][MINI]["result"] == "none"


def test_the_later_check_is_the_same_check(evaluating, base, write, state):
    prompts = write("Say something.", TAKEN.statement)
    with run_context.entered(RunContext()):  # `ssd-harness distill` knows no task
        register("bad", base, prompts=prompts)
    with pytest.raises(UsageError) as early:
        prepare_model(str(base), {"prompts": prompts})
    for model in (("ssd:bad", {}), ("ssd:bad", {"rounds": "0"}), (str(registry.get("bad").path), {"rounds": "0"})):
        with pytest.raises(UsageError) as late:
            prepare_model(*model)
        assert str(late.value) == str(early.value)


def test_what_a_base_was_made_from_counts_too(evaluating, base, write, state):
    register("first", base, prompts=write("Say something.", TAKEN.statement))
    register("second", "ssd:first", prompts=write("Say nothing."))
    register("third", str(registry.get("second").path), prompts=write("Say no more."))
    with pytest.raises(UsageError, match="'p1' equals"):
        prepare_model("ssd:third", {})
    with pytest.raises(UsageError, match="'p1' equals"):
        prepare_model("ssd:third", {"rounds": "1", "prompts": write("Be quiet.")})


def test_an_allowed_overlap_is_in_every_result_and_is_not_inherited(evaluating, base, write, state, capsys):
    register("bad", base, prompts=write(TAKEN.statement), allow_overlap=True)
    assert registry.get("bad").manifest["recipe"]["allow_overlap"] is True
    with pytest.raises(UsageError, match="allow_overlap=true"):
        prepare_model("ssd:bad", {})
    subject = prepare_model("ssd:bad", {"allow_overlap": "true"})
    assert subject.about["allow_overlap"] is True
    assert subject.about["overlap"][MINI]["result"] == "allow_overlap=true: 1 prompt overlaps 1 problem"
    assert evaluating.overlap[MINI]["allow_overlap"] is True
    assert "overlap with livecodebench_mini: allow_overlap=true: 1 prompt overlaps 1 problem" in capsys.readouterr().err
    json.dumps(subject.about)


STORY = "A beaver builds seven dams along one river while eight otters steal sticks every night from the last dam."


def test_a_checkpoint_that_was_trained_on_the_benchmark_says_so_in_every_result(
    evaluating, base, write, state, monkeypatch
):
    rows = [("dam", STORY), *((f"q{k}", f"Number {k} of many other sums.") for k in range(50))]
    known = livecodebench.read(livecodebench.count(rows))
    monkeypatch.setattr(livecodebench, "shipped", lambda: known)
    with pytest.raises(UsageError, match="overlap LiveCodeBench problems"):
        make_plan(str(base), {"prompts": write("Say something.", STORY)}, tell=lambda _: None)
    lines = []
    make_plan(str(base), {"prompts": write("Say it.", STORY), "allow_overlap": True}, tell=lines.append)
    assert any("1 of them overlap LiveCodeBench problems (kept by allow_overlap=true)" in line for line in lines)
    assert "  overlap: 'p1' contains 100% of LiveCodeBench's 'dam'" in lines
    made = register("leaky", base, prompts=write("Say something.", STORY), allow_overlap=True)
    assert made.manifest["prompts"]["overlap"]["prompts"] == [{"prompt": "p1", "problem": "dam", "score": 1.0}]
    card = model_card(made)
    assert "| p1 | dam | 1.0 |" in card
    assert "were kept for training" in card
    register("child", "ssd:leaky", prompts=write("Say nothing."))
    for name in ("leaky", "child"):
        subject = prepare_model(f"ssd:{name}", {})
        assert subject.about["allow_overlap"] is True
        assert subject.about["overlap"][MINI] == {
            "allow_overlap": True,
            "trained_on_overlap": 1,
            "problems": len(mini.problems()),
            "result": "none",
        }


def test_prompts_left_out_are_in_manifest_and_card_and_the_run_needs_no_flag(
    evaluating, base, write, state, monkeypatch
):
    rows = [("dam", STORY), *((f"q{k}", f"Number {k} of many other sums.") for k in range(50))]
    known = livecodebench.read(livecodebench.count(rows))
    monkeypatch.setattr(livecodebench, "shipped", lambda: known)
    made = register("clean", base, prompts=write(STORY, *(f"Say {k}." for k in range(120))))
    assert made.manifest["prompts"]["overlap"] == {
        "with": "LiveCodeBench",
        "statements": 51,
        "left_out": 1,
        "kept": 0,
        "prompts": [{"prompt": "p0", "problem": "dam", "score": 1.0}],
    }
    assert "1 prompts that give away" in model_card(made)
    subject = prepare_model("ssd:clean", {})
    subject.overlap.check("contest", lambda: [EvaluatedText("dam", STORY, contest=True)])
    assert subject.about["overlap"]["contest"] == {"problems": 1, "result": "none"}
    assert "allow_overlap" not in subject.about


def test_the_plan_says_that_overlap_is_allowed(base, write, state):
    lines = []
    make_plan(str(base), {"prompts": write("a"), "allow_overlap": "yes"}, tell=lines.append)
    assert sum("allow_overlap=true" in line for line in lines) == 1
    allowed = make_plan(str(base), {"prompts": write("a"), "allow_overlap": 1}, tell=lambda _: None)
    refused = make_plan(str(base), {"prompts": write("a")}, tell=lines.append)
    assert sum("allow_overlap=true" in line for line in lines) == 1
    assert allowed.fingerprint == refused.fingerprint  # so a run that was stopped goes on from what it has


def test_unrelated_prompts_meet_every_task(evaluating, base, write, state):
    register("good", base, prompts=write("Say something.", "Say nothing."))
    subject = prepare_model("ssd:good", {})
    assert subject.about["overlap"] == {MINI: {"problems": len(mini.problems()), "result": "none"}}
    subject.overlap.check(MINI, lambda: pytest.fail("met already"))
    subject.overlap.check("other", lambda: [EvaluatedText("document 0", "Say: what?")])
    assert subject.about["overlap"]["other"] == {"problems": 1, "result": "none"}
    with pytest.raises(UsageError, match="'p0' equals 'document 3'"):
        subject.overlap.check("copied", lambda: [EvaluatedText("document 3", "say something")])


def test_prompts_that_nobody_recorded_are_said_to_be_unknown(evaluating, base, write, state):
    made = register("imported", base, prompts=write("Say something."))
    manifest = json.loads((made.path / "ssd_manifest.json").read_text())
    del manifest["overlap"]
    (made.path / "ssd_manifest.json").write_text(json.dumps(manifest))
    subject = prepare_model("ssd:imported", {})
    subject.overlap.check(MINI, lambda: None)
    assert subject.about["overlap"][MINI]["result"] == UNKNOWN
    plain = prepare_model(str(base), {"rounds": "0"})
    plain.overlap.check(MINI, lambda: None)
    assert plain.about["overlap"][MINI]["result"] == NO_PROMPTS


def test_a_base_of_the_hub_brings_its_record_along(base, write, state, monkeypatch):
    import huggingface_hub

    made = register("pushed", base, prompts=write("Say something."))
    asked = []
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda name, **options: asked.append((name, options)) or made.path
    )
    of_hub = base_model.BaseModel("me/pushed", None, "c0ffee", "commit", "commit")
    plan = make_plan(str(base), {"prompts": write("Say more.")}, tell=lambda _: None)
    assert len(dataclasses.replace(plan, base=of_hub).lineage().sketches) == 2
    assert asked == [("me/pushed", {"revision": "c0ffee", "allow_patterns": ["ssd_*"]})]


def test_a_stock_model_is_told_by_its_folder(base, write, state, caplog):
    """As ``lm_eval --model hf`` does with the path of a checkpoint."""
    made = register("bad", base, prompts=write(TAKEN.statement))
    evaluator = SimpleNamespace(evaluate=lambda lm, task_dict: "evaluated")
    overlap.wrap_evaluate(evaluator)
    tasks = {"tasks": {"mine": Task([{"q": TAKEN.statement}])}, "groups": {}}

    def evaluate(folder, **metadata):
        request = EvaluationRequest(model_args={"pretrained": str(folder)}, metadata=metadata)
        with run_context.entered(run_context.current().for_evaluation(request)) as context:
            return evaluator.evaluate(object(), tasks), context.overlap

    with pytest.raises(UsageError, match="'p0' equals 'document 0'"):
        evaluate(made.path)
    with pytest.raises(UsageError, match="'p0' equals 'document 0'"):
        evaluate(made.path, allow_overlap="false")
    result, found = evaluate(made.path, allow_overlap=True)
    assert result == "evaluated"
    assert found["mine"]["allow_overlap"] is True
    for folder in (base, "me/model", "", state):
        assert evaluate(folder) == ("evaluated", {})
    next(made.path.glob("*.parquet")).unlink()
    with pytest.raises(InfrastructureError, match="missing or changed"):
        evaluate(made.path)


class Task:
    """A task of somebody else's."""

    def __init__(self, docs, text=lambda doc: doc["q"]):
        self.eval_docs, self.doc_to_text = docs, text


def broken(doc):
    raise KeyError("q")


@pytest.mark.parametrize(
    ("task", "texts"),
    [
        (Task([{"q": "a"}, {"q": 3}, {"q": "c"}]), ["a", "c"]),
        (Task([{"q": 1}]), None),
        (Task([]), None),
        (Task([{}], broken), None),
        (SimpleNamespace(), None),
    ],
)
def test_other_tasks_are_compared_by_what_their_documents_ask(task, texts):
    found = texts_of(task)
    assert (found and [one.text for one in found]) == texts


def test_a_short_question_is_told_without_the_words_that_a_task_puts_around_it(base, write, state):
    question = {"question": "How many legs have two spiders?", "answer": "16"}
    task = Task([question], lambda doc: f"Q: {doc['question']} Answer with a number.\nA:")
    subject = prepare_model("ssd:" + register("leaky", base, prompts=write(question["question"], "16")).name, {})
    with pytest.raises(UsageError, match="'p0' equals 'document 0'") as error:
        subject.overlap.check("arithmetic", lambda: texts_of(task))
    assert "1 prompt overlaps" in str(error.value)  # the answer is no question


def test_without_any_text_the_result_says_so(base, write, state):
    subject = prepare_model("ssd:" + register("good", base, prompts=write("Say something.")).name, {})
    subject.overlap.check("other", lambda: None)
    assert subject.about["overlap"]["other"] == {"result": NO_TEXT}


def test_the_sketch_is_made_once(write, state):
    prompts = prompt_set.collect(Recipe(prompts=write("a b c", "d e f")))
    made = prompts.sketch()
    before = made.stat().st_mtime_ns
    assert prompts.sketch() == made
    assert made.stat().st_mtime_ns == before
    assert Lineage((made,)) + Lineage() == Lineage((made,))
