"""What a task of others lets the model generate, with lengths and arguments that cannot be: refused before sampling."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")

pytestmark = pytest.mark.hf

TASK = """\
task: count_on
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
fewshot_split: test
output_type: {kind}
doc_to_text: "{{{{prompt}}}}"
doc_to_target: " yes"
doc_to_choice: [" yes", " no"]
generation_kwargs: {generation}
metric_list: [{{metric: {metric}}}]
"""
PLAIN = {"until": ["\\n"], "max_gen_toks": 8, "do_sample": False}


@pytest.fixture
def other_task(lm_eval_ends, tmp_path, monkeypatch):
    """Run the plain command on a task of the user's that has these generation arguments."""
    from lm_eval.tasks import manager

    # Reading lm-eval's own 14,000 files takes longer than all of these tests.
    build, builtin = manager.TaskIndex.build, Path(manager.__file__).parent
    small = staticmethod(lambda paths, **options: build([path for path in paths if Path(path) != builtin], **options))
    monkeypatch.setattr(manager.TaskIndex, "build", small)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def run(generation=None, *, kind="generate_until", words="Go on from", **more):
        folder = tmp_path / "tasks"
        folder.mkdir(exist_ok=True)
        data = tmp_path / f"rows-{len(words)}.jsonl"
        data.write_text("".join(json.dumps({"prompt": f"{words} {number}"}) + "\n" for number in range(3)))
        metric = "exact_match" if kind == "generate_until" else "acc"
        generation = json.dumps({**PLAIN, **(generation or {})})
        (folder / "count_on.yaml").write_text(
            TASK.format(data=data, kind=kind, metric=metric, generation=generation if kind == "generate_until" else "")
        )
        changes = {"--tasks": "count_on", "--include_path": str(folder), **more}
        return lm_eval_ends({name: value for name, value in changes.items() if value != "absent"})

    run.printed = lambda: lm_eval_ends.printed
    return run


def test_a_good_task_of_others_reaches_the_sampler(other_task):
    assert other_task()[0] == "sampled"
    assert other_task(kind="multiple_choice")[0] == "sampled"
    assert other_task(**{"--num_fewshot": "1", "--apply_chat_template": None})[0] == "sampled"
    assert "lm_eval will cut" not in other_task.printed()


@pytest.mark.parametrize(
    ("generation", "reason"),
    [
        ({"max_gen_toks": 16384}, "count_on generates up to 16,384 tokens, and the context of demo is 16,384 tokens"),
        ({"max_gen_toks": 0}, "generation_kwargs of count_on max_gen_toks: expected a positive number"),
        ({"max_gen_toks": "many"}, "generation_kwargs of count_on max_gen_toks: expected a positive number"),
        ({"temprature": 0.5}, "generation_kwargs of count_on: transformers has no generation argument 'temprature'"),
        ({"temperature": -1}, "generation_kwargs of count_on temperature: expected a number of at least 0"),
        ({"top_p": 2}, "generation_kwargs of count_on top_p"),
        ({"do_sample": "maybe"}, "generation_kwargs of count_on do_sample"),
        ({"until": [5]}, "generation_kwargs of count_on until"),
    ],
)
def test_a_task_with_a_bad_generation_argument_is_refused(other_task, generation, reason):
    code, line = other_task(generation)
    assert code == 2, line
    assert reason in line


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("max_gen_toks=99999", "count_on generates up to 99,999 tokens"),
        ("temprature=1", "--gen_kwargs: transformers has no generation argument 'temprature'"),
        ("top_k=-5", "--gen_kwargs top_k"),
    ],
)
def test_a_bad_word_for_such_a_task_is_refused(other_task, given, reason):
    code, line = other_task(**{"--gen_kwargs": given})
    assert code == 2, line
    assert reason in line


def test_a_generation_argument_of_transformers_is_taken(other_task):
    assert other_task({"num_beams": 2, "repetition_penalty": 1.1}, **{"--gen_kwargs": "min_p=0.1"})[0] == "sampled"


def test_our_tasks_beside_it_do_not_hide_it(other_task):
    code, line = other_task({"max_gen_toks": 99999}, **{"--tasks": "livecodebench_mini,count_on"})
    assert code == 2
    assert "count_on generates up to 99,999 tokens" in line


def test_prompts_that_lm_eval_will_cut_are_told(other_task):
    assert other_task({"max_gen_toks": 16_380})[0] == "sampled"
    assert (
        "count_on: 2 of 2 prompts are longer than the 4 tokens that max_gen_toks=16,380 leaves" in other_task.printed()
    )


def test_a_cache_that_cannot_be_written_is_refused(other_task):
    code, line = other_task(**{"--use_cache": "/proc/x/answers"})
    assert code == 2
    assert "--use_cache: cannot write there" in line


def test_more_examples_than_there_are_is_refused(other_task):
    code, line = other_task(**{"--num_fewshot": "7"})
    assert code == 3
    assert "cannot build the prompts of count_on" in line


def test_a_task_whose_data_are_missing_is_refused(other_task, tmp_path):
    other_task()
    (tmp_path / "rows-10.jsonl").unlink()
    text = (tmp_path / "tasks" / "count_on.yaml").read_text()
    assert "rows-10" in text
    (tmp_path / "tasks" / "second.yaml").write_text(text.replace("count_on", "second").replace("rows-10", "rows-11"))
    code, line = other_task(**{"--tasks": "second"})
    assert code == 3
    assert "lm_eval cannot load second" in line
