"""What the chat template is handed: the same in training and evaluation, and the same from one day to the next."""

import dataclasses
import datetime as dt
import json
import shutil

import pytest

pytest.importorskip("torch")

from ssd_harness.artifacts import shards
from ssd_harness.artifacts.base_model import demo_folder
from ssd_harness.distill import pipeline, template_values
from ssd_harness.distill.engine_sampler import hf
from ssd_harness.distill.planning import make_plan
from ssd_harness.engines import chat, loading
from ssd_harness.errors import UsageError
from ssd_harness.extensions.contracts import Prompt
from ssd_harness.harness.models.model_args import split_arguments

pytestmark = pytest.mark.hf

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
HYBRID = CHATML + "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"
DATED = "Today is {{ strftime_now('%d %b %Y %H:%M') }}.\n" + CHATML


@pytest.fixture
def model(tmp_path):
    """Return ``make(template)``: the folder of the embedded model with another chat template."""

    def make(template):
        folder = tmp_path / "model"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(demo_folder(), folder)
        (folder / "chat_template.jinja").write_text(template)
        settings = json.loads((folder / "tokenizer_config.json").read_text())
        settings.pop("chat_template", None)
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        return folder

    return make


def plan(folder, **fields):
    lines = []
    given = {"prompts": "demo", "prompt_limit": 4, **fields}
    return make_plan(str(folder), given, tell=lines.append), lines


def sampled_text(folder, recipe):
    tokenizer = loading.load_tokenizer(folder)
    short = dataclasses.replace(recipe, max_new_tokens_train=64)
    return tokenizer.decode(hf(folder, short)._prompt_ids(Prompt("p", (("user", "Add 1 and 2."),))))


def test_a_value_reaches_the_training_prompts_and_the_fingerprint(state, model):
    folder = model(HYBRID)
    plain, off = plan(folder)[0], plan(folder, enable_thinking="False")[0]
    assert "<think>" not in sampled_text(folder, plain.recipe)
    assert sampled_text(folder, off.recipe).endswith("<think>\n\n</think>\n\n")
    assert plain.fingerprint != off.fingerprint
    assert off.recipe.template_values == {"enable_thinking": False}


def test_lm_evals_own_arguments_become_fields_of_the_recipe():
    class Model:
        def __init__(self, enable_thinking=None, chat_template_args=None):
            pass

    overrides, rest = split_arguments({"enable_thinking": False, "chat_template_args": {"b": 1, "a": "x"}}, Model)
    assert overrides == {"enable_thinking": False, "chat_template_args": '{"a": "x", "b": 1}'}
    assert rest == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [("enable_thinking", "false"), ("reasoning_effort", "high"), ("chat_template_args", '{"verbosity": 2}')],
)
def test_a_value_that_the_template_does_not_read_is_refused(state, model, field, value):
    with pytest.raises(UsageError, match="chat template that does not read it"):
        plan(model(CHATML), **{field: value})


def test_a_date_without_a_template_that_writes_one_is_refused(state, model):
    with pytest.raises(UsageError, match="writes no date of today"):
        plan(model(CHATML), template_date="2026-01-31")


def test_the_date_stays_that_of_the_first_run(state, model, monkeypatch):
    folder = model(DATED)
    monkeypatch.setattr(template_values, "_today", lambda: dt.date(2026, 1, 31))
    first, lines = plan(folder)
    monkeypatch.setattr(template_values, "_today", lambda: dt.date(2026, 2, 1))
    resumed = plan(folder)[0]
    assert first.recipe.template_date == resumed.recipe.template_date == "2026-01-31"
    assert first.fingerprint == resumed.fingerprint
    assert any("today's date is 2026-01-31 (the model's first run here" in line for line in lines)
    assert "Today is 31 Jan 2026 00:00." in sampled_text(folder, resumed.recipe)
    other = plan(folder, template_date="2026-02-01")[0]
    assert other.fingerprint != first.fingerprint
    assert "Today is 01 Feb 2026 00:00." in sampled_text(folder, other.recipe)


GPT_OSS = 'Current date: {{ strftime_now("%Y-%m-%d") }}\n' + CHATML
GRANITE = (
    "{%- set system_message = \"Today's Date: \" + strftime_now('%B %d, %Y') + '.' %}{{ system_message }}\n" + CHATML
)
LLAMA_3_2 = (
    "{%- if not date_string is defined %}{%- if strftime_now is defined %}"
    '{%- set date_string = strftime_now("%d %b %Y") %}{%- else %}{%- set date_string = "26 Jul 2024" %}{%- endif %}'
    '{%- endif %}{{ "Today Date: " + date_string }}\n'
) + CHATML
LLAMA_3_1 = (
    '{%- if not date_string is defined %}{%- set date_string = "26 Jul 2024" %}{%- endif %}'
    '{{ "Today Date: " + date_string }}\n'
) + CHATML
KINDS = {
    "gpt-oss": (GPT_OSS, "Current date: 2026-01-31", "today's date is 2026-01-31 (the model's first run here"),
    "granite": (GRANITE, "Today's Date: January 31, 2026.", "today's date is 2026-01-31 (the model's first run here"),
    "llama-3.2": (LLAMA_3_2, "Today Date: 31 Jan 2026", "today's date is 2026-01-31 (the model's first run here"),
    "llama-3.1": (LLAMA_3_1, "Today Date: 26 Jul 2024", "date_string is the template's own"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_template_has_the_same_prompts_after_midnight(state, model, monkeypatch, kind):
    template, written, said = KINDS[kind]
    folder, plans = model(template), []
    for day in (dt.date(2026, 1, 31), dt.date(2026, 2, 1)):
        monkeypatch.setattr(template_values, "_today", lambda day=day: day)
        made, lines = plan(folder)
        plans.append(made)
        assert any(said in line for line in lines), lines
        assert written in sampled_text(folder, made.recipe)
    assert plans[0].fingerprint == plans[1].fingerprint
    assert plans[0].rounds[0].samples == plans[1].rounds[0].samples
    given = plan(folder, template_date="2026-03-09")[0]
    assert given.fingerprint != plans[0].fingerprint
    assert written not in sampled_text(folder, given.recipe)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gpt-oss", "llama-3.2"])
def test_a_run_is_continued_after_midnight(state, model, monkeypatch, kind):
    template, written, _ = KINDS[kind]
    folder, fields = model(template), {"prompt_limit": 2, "max_new_tokens_train": 4, "filter": "none"}
    monkeypatch.setattr(template_values, "_today", lambda: dt.date(2026, 1, 31))
    begun = plan(folder, **fields)[0]
    kept, stage = pipeline.draw_samples(begun), begun.rounds[0].samples
    before = {file.name: file.stat().st_mtime_ns for file in stage.iterdir()}
    monkeypatch.setattr(template_values, "_today", lambda: dt.date(2026, 2, 1))
    resumed, lines = plan(folder, **fields)
    assert any("(begun, to be resumed)" in line for line in lines)
    assert (pipeline.draw_samples(resumed), resumed.rounds[0].samples) == (kept, stage)
    assert {file.name: file.stat().st_mtime_ns for file in stage.iterdir()} == before
    tokenizer = loading.load_tokenizer(folder)
    for sample in shards.read_samples(stage):
        assert written in tokenizer.decode(sample.prompt_ids)
    asked = [{"role": "user", "content": "Add 1 and 2."}]
    date = resumed.recipe.template_date
    assert written in tokenizer.decode(chat.prompt_ids(tokenizer, asked, date=date))  # as the evaluation renders it


def test_a_template_that_is_only_handed_a_date_writes_the_given_one(state, model):
    folder = model(LLAMA_3_1)
    made, lines = plan(folder, template_date="2026-02-01")
    assert "Today Date: 01 Feb 2026" in sampled_text(folder, made.recipe)
    assert made.recipe.template_values == {"date_string": "01 Feb 2026"}
    assert any("date_string is '01 Feb 2026'" in line for line in lines)
    other, lines = plan(folder, chat_template_args='{"date_string": "May Day"}')
    assert "Today Date: May Day" in sampled_text(folder, other.recipe)
    assert any("date_string is 'May Day'" in line for line in lines)
    with pytest.raises(UsageError, match="leave one of them out"):
        plan(folder, template_date="2026-02-01", chat_template_args='{"date_string": "May Day"}')


def test_a_damaged_note_of_the_date_is_written_again(state, model, monkeypatch):
    folder = model(DATED)
    monkeypatch.setattr(template_values, "_today", lambda: dt.date(2026, 1, 31))
    plan(folder)
    (note,) = (state / "template-dates").glob("*.json")
    note.write_text('{"date": "tomorrow"}')
    assert plan(folder)[0].recipe.template_date == "2026-01-31"


def test_templates_are_found_by_name_in_every_place(tmp_path):
    assert chat.templates_of(tmp_path) == {}
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": [{"name": "rag", "template": "R"}, 5]}')
    (tmp_path / "chat_template.jinja").write_text("D")
    (tmp_path / "additional_chat_templates").mkdir()
    (tmp_path / "additional_chat_templates" / "tool_use.jinja").write_text("T")
    assert chat.templates_of(tmp_path) == {"rag": "R", "default": "D", "tool_use": "T"}
