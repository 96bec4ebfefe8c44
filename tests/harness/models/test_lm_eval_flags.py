"""lm-eval's own flags, one by one, on the embedded base model; in this process, through the function behind the command."""

import json
from types import SimpleNamespace

import pytest

pytest.importorskip("torch")

import lm_eval
from lm_eval.tasks import TaskManager

from ssd_harness.engines import chat
from ssd_harness.errors import UsageError
from ssd_harness.harness import patches
from ssd_harness.harness.models.hf import SsdHf

pytestmark = [pytest.mark.hf, pytest.mark.slow]

MINI = "livecodebench_mini"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """``run.evaluate(**flags)`` evaluates and returns lm-eval's results; ``run.home(name)`` moves to another state folder."""
    patches.activate()
    folder, patch = tmp_path_factory.mktemp("flags"), pytest.MonkeyPatch()

    def home(name):
        patch.setenv("SSD_HARNESS_HOME", str(folder / name))

    home("shared")
    model = SsdHf(pretrained="demo", rounds=0, batch_size=32)

    def evaluate(tasks=(MINI,), **flags):
        repeats = flags.pop("repeats", 2)
        default = {"limit": 3, "predict_only": True, "gen_kwargs": {"max_gen_toks": 24}}
        options = {**default, "metadata": {"repeats": repeats}, **flags}
        return lm_eval.simple_evaluate(model=model, tasks=list(tasks), **options)

    yield SimpleNamespace(evaluate=evaluate, home=home, model=model)
    patch.undo()


def texts(results, task=MINI):
    return {row["doc_id"]: row["resps"][0] for row in results["samples"][task]}


def tokens(results, task=MINI):
    """Return the token counts that the model told the task, of all responses."""
    return [json.loads(row).get("tokens") for sample in results["samples"][task] for row in sample["filtered_resps"][0]]


@pytest.fixture(scope="module")
def plain(run):
    return run.evaluate()


def decoding(results, task=MINI):
    return results["config"]["ssd"]["generations"]["decoding"][task]


def test_limit_takes_the_first_problems_and_metadata_says_how_many_samples(plain):
    assert {number: len(responses) for number, responses in texts(plain).items()} == {0: 2, 1: 2, 2: 2}
    assert tokens(plain) == [24] * 6


def test_ten_samples_unless_told_otherwise(run):
    results = run.evaluate(limit=1, metadata={}, gen_kwargs={"max_gen_toks": 2})
    assert len(texts(results)[0]) == 10


def test_what_is_logged_beside_a_sample_is_the_decoding_that_was_used(plain):
    logged = plain["samples"][MINI][0]["arguments"][0][1]
    assert logged["temperature"] == decoding(plain)["temperature"] == 1.0  # the task says 0.2
    assert logged["until"] == []
    assert plain["configs"][MINI]["metadata"]["ssd_harness"]["generation_kwargs"] == logged
    assert decoding(plain)["origins"] == {
        "temperature": "recipe, base model",
        "top_k": "recipe, base model",
        "top_p": "recipe, base model",
        "max_gen_toks": "--gen_kwargs",
    }


def test_chosen_samples_keep_their_ids_and_texts(run, plain):
    chosen = run.evaluate(samples={MINI: [0, 2]}, limit=None)
    assert texts(chosen) == {number: texts(plain)[number] for number in (0, 2)}


@pytest.mark.parametrize("system", [None, "Be brief."])
def test_the_template_is_applied_once_whoever_applies_it(run, plain, system):
    ours = run.evaluate(system_instruction=system)
    theirs = run.evaluate(system_instruction=system, apply_chat_template=True)
    assert texts(ours) == texts(theirs)
    assert (texts(ours) == texts(plain)) is (system is None)
    assert (decoding(ours)["template"], decoding(theirs)["template"]) == ("ssd-hf", "lm_eval")
    # Equal prompts, or the second run would have drawn samples of its own.
    assert decoding(ours)["samples"] == decoding(theirs)["samples"]


def test_another_seed_is_another_run_of_the_same_model(run, plain):
    other = run.evaluate(torch_random_seed=5)
    assert texts(other) != texts(plain)
    about = [results["config"]["ssd"] for results in (other, plain)]
    assert about[0]["run"] != about[1]["run"]
    assert about[0]["base"] == about[1]["base"]


def test_a_generation_that_cannot_fit_is_refused_before_anything_is_drawn(run, plain, monkeypatch):
    def drawing(*_):
        raise AssertionError("tokens were drawn")

    monkeypatch.setattr(run.model._responder.engine, "generate", drawing)
    with pytest.raises(UsageError, match=r"context of 16,384.*max_gen_toks=\d+ or less"):
        run.evaluate(gen_kwargs={"max_gen_toks": 16300})
    # Where the longest prompt alone is too long, it is found before the others' samples are drawn.
    turns = [[{"role": "user", "content": row["arguments"][0][0]}] for row in plain["samples"][MINI]]
    lengths = sorted(len(chat.prompt_ids(run.model.tokenizer, one)) for one in turns)
    assert lengths[-2] < lengths[-1]
    with pytest.raises(UsageError, match=f"takes {lengths[-1]} tokens"):
        run.evaluate(gen_kwargs={"max_gen_toks": 16384 - lengths[-1] + 1})


def test_several_tasks_at_once_and_other_peoples_keep_their_decoding(run, plain, tmp_path):
    foreign = {
        "task": "count",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(tmp_path / "rows.json")}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "4",
        "generation_kwargs": {"until": ["\n\n"], "do_sample": False, "max_gen_toks": 8},
        "metric_list": [{"metric": "exact_match"}],
    }
    (tmp_path / "rows.json").write_text(json.dumps({"question": "Two and two is"}) + "\n")
    manager = TaskManager(include_defaults=False)  # reading lm-eval's own 14,000 tasks takes 20 seconds
    results = run.evaluate([MINI, foreign], gen_kwargs=None, task_manager=manager)
    assert decoding(results)["max_new_tokens"] == 256  # the recipe's
    assert all(tokens(results))
    assert "count" not in results["config"]["ssd"]["generations"]["decoding"]
    (row,) = results["samples"]["count"]
    assert row["arguments"][0][1]["do_sample"] is False
    from lm_eval.models.huggingface import HFLM

    stock = HFLM(pretrained=str(run.model.under_test.folder), device="cpu", dtype="float32")
    alone = lm_eval.simple_evaluate(model=stock, tasks=[foreign], task_manager=manager, predict_only=True)
    assert row["resps"] == alone["samples"]["count"][0]["resps"]


def test_the_same_samples_whatever_the_batch(run):
    engine, drawn = run.model._responder.engine, []
    for rows in (3, 64):
        run.home(f"rows-{rows}")
        engine.rows = rows
        drawn.append(run.evaluate(limit=10, repeats=10, gen_kwargs={"max_gen_toks": 96}))
    engine.rows = 32
    run.home("shared")
    few, many = ([text for responses in texts(results).values() for text in responses] for results in drawn)
    equal = sum(one == other for one, other in zip(few, many, strict=True))
    assert len(few) == 100
    assert equal >= 99
    assert len(set(few)) > 90
