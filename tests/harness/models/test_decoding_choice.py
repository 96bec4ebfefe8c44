import pytest

from ssd_harness.artifacts import registry
from ssd_harness.errors import UsageError
from ssd_harness.harness.models.decoding_choice import resolve_decoding
from ssd_harness.harness.models.model_under_test import prepare_model

TASK = {"temperature": 0.2, "top_p": 0.95, "do_sample": True, "until": [], "max_gen_toks": 512}
RECIPE = {"temperature": 1.1, "top_k": 20, "top_p": 0.8, "max_gen_toks": 32768}


def chosen(user, subject=RECIPE, task=TASK):
    settled = resolve_decoding(user, subject, dict.fromkeys(subject, "recipe"), task)
    one = settled.decoding
    return (one.temperature, one.top_k, one.top_p, one.max_new_tokens), dict(settled.origins)


def test_field_by_field_the_user_then_the_recipe_then_the_task():
    values, origins = chosen({"temperature": 0.5}, {"temperature": 1.1, "top_k": 20})
    assert values == (0.5, 20, 0.95, 512)
    assert origins == {"temperature": "--gen_kwargs", "top_k": "recipe", "top_p": "task", "max_gen_toks": "task"}


def test_no_truncation_in_a_recipe_is_a_choice():
    values, origins = chosen({}, {"temperature": 1.0, "top_k": None, "top_p": 1.0}, {**TASK, "top_k": 50})
    assert values == (1.0, None, 1.0, 512)
    assert origins["top_k"] == "recipe"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"do_sample": False}, 0.0),
        ({"do_sample": "False"}, 0.0),
        ({"temperature": 0}, 0.0),
        ({"do_sample": True}, 1.1),
        ({"do_sample": False, "temperature": 0.7}, 0.0),
    ],
)
def test_greedy_is_temperature_zero(user, expected):
    assert chosen(user)[0][0] == expected


@pytest.mark.parametrize("name", ["max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens"])
def test_every_word_for_the_length_is_known(name):
    assert chosen({name: 99})[0][3] == 99


@pytest.mark.parametrize("top_k", [0, -1])
def test_top_k_zero_is_none(top_k):
    assert chosen({"top_k": top_k})[0][1] is None


@pytest.mark.parametrize(
    "user",
    [{"repetition_penalty": 1.1}, {"temperature": "hot"}, {"top_p": 1.5}, {"temperature": -1}, {"max_gen_toks": 0}],
)
def test_what_the_engine_cannot_do_is_refused(user):
    with pytest.raises(UsageError):
        chosen(user)


def test_stop_texts_come_from_the_user_or_the_task():
    assert resolve_decoding({"until": "END"}, {}, {}, TASK).until == ("END",)
    assert resolve_decoding({}, {}, {}, {**TASK, "until": ["a", "b"]}).until == ("a", "b")


def test_what_is_said_names_each_field_and_who_decided_it():
    said = str(resolve_decoding({"top_p": 0.9}, {"temperature": 1.4}, {"temperature": "recipe"}, {"max_gen_toks": 512}))
    assert said == "temperature 1.4 (recipe), top_k None (default), top_p 0.9 (--gen_kwargs), max_gen_toks 512 (task)"


@pytest.fixture
def base(state, tmp_path):
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "other"}')
    (folder / "generation_config.json").write_text('{"temperature": 0.6, "top_p": 0.9}')
    return folder


@pytest.mark.parametrize(
    ("given", "decoding", "origins"),
    [
        ({}, (0.6, None, 0.9), ("file", "file", "file")),
        ({"top_k_base": 5}, (0.6, 5, 0.9), ("file", "given", "file")),
        ({"T_base": 0.3}, (0.3, None, 0.9), ("given", "given", "file")),
        ({"recipe": "MINE"}, (0.4, 7, 0.9), ("recipe", "recipe", "file")),
        ({"recipe": "MINE", "top_k_base": "none"}, (0.4, None, 0.9), ("recipe", "given", "file")),
    ],
)
def test_a_base_models_decoding_says_who_decided_it(base, tmp_path, given, decoding, origins):
    (tmp_path / "mine.yaml").write_text("T_base: 0.4\ntop_k_base: 7\n")
    given = {name: str(tmp_path / "mine.yaml") if value == "MINE" else value for name, value in given.items()}
    subject = prepare_model(str(base), {"rounds": 0, **given})
    fields = ("temperature", "top_k", "top_p")
    assert tuple(subject.decoding[field] for field in fields) == decoding
    words = {"file": "base model's generation_config.json", "given": "--model_args", "recipe": "recipe, base model"}
    assert [subject.decoding_origins[field] for field in fields] == [words[origin] for origin in origins]


def test_a_checkpoints_decoding_says_who_decided_it(base):
    recipe = {"T_eval": 1.3, "top_k_eval": 9}
    manifest = {"fingerprint": "ab", "base": {}, "recipe": recipe, "rounds": []}
    registry.register("made", base, manifest)
    subject = prepare_model("ssd:made", {"T_eval": 0.5})
    assert subject.decoding == {"temperature": 0.5, "top_k": 9, "top_p": 0.8}
    said = dict(resolve_decoding({}, subject.decoding, subject.decoding_origins, {"max_gen_toks": 4}).origins)
    assert said == {
        "temperature": "--model_args",
        "top_k": "manifest of made",
        "top_p": "default",
        "max_gen_toks": "task",
    }
