"""What the chat template is handed: the same in training and evaluation, and the same from one day to the next."""

import datetime as dt
import json
import shutil

import pytest

pytest.importorskip("torch")

from ssd_harness.distill import template_values
from ssd_harness.distill.base_model import demo_folder
from ssd_harness.distill.contracts import Prompt
from ssd_harness.distill.engine_sampler import EngineSampler
from ssd_harness.distill.planning import make_plan
from ssd_harness.engines import chat, loading
from ssd_harness.errors import UsageError
from ssd_harness.models.arguments import split_arguments

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
    sampler = EngineSampler(None, tokenizer, recipe, context=None, about={})
    return tokenizer.decode(sampler._prompt_ids(Prompt("p", (("user", "Add 1 and 2."),))))


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
