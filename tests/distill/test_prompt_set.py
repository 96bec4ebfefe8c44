import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssd_harness.distill import prompt_set
from ssd_harness.errors import UsageError
from ssd_harness.recipe import Recipe


@pytest.fixture
def collect(state, tmp_path):
    def from_rows(*rows, **fields):
        path = tmp_path / "prompts.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return prompt_set.collect(Recipe(prompts=str(path), **fields))

    return from_rows


def test_texts_and_chats_are_read_from_jsonl(collect):
    found = collect(
        {"prompt": "one", "id": 7}, {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]}
    )
    one, two = found
    assert (one.id, one.messages) == ("7", (("user", "one"),))
    assert two.messages == (("system", "s"), ("user", "u"))
    assert len(two.id) == 16


def test_columns_can_be_named(collect):
    (prompt,) = collect({"frage": "was?", "nr": "n1"}, prompt_column="frage", id_column="nr")
    assert (prompt.id, prompt.text) == ("n1", "was?")


def test_parquet_is_read_like_jsonl(collect, tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    rows = [{"id": str(number), "question": f"q {number}"} for number in range(600)]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "p.parquet")
    found = prompt_set.collect(Recipe(prompts=str(tmp_path / "p.parquet")))
    assert found.sha256 == collect(*rows).sha256
    assert found.count == 600


def test_copies_are_dropped_after_white_space_is_normalised(collect):
    found = collect({"prompt": "a  b\n"}, {"prompt": " a b"}, {"prompt": "a c"})
    assert (found.count, found.duplicates) == (2, 1)


def test_the_hash_follows_content_and_order_not_the_file(collect):
    one = collect({"prompt": "a"}, {"prompt": "b"})
    assert collect({"text": "a"}, {"question": "b"}).sha256 == one.sha256
    assert collect({"prompt": "b"}, {"prompt": "a"}).sha256 != one.sha256
    assert collect({"prompt": "a"}, {"prompt": "b"}, prompt_limit=1).sha256 != one.sha256


def test_a_system_message_is_part_of_the_prompt(collect):
    (prompt,) = collect({"prompt": "a"}, system_message="be brief")
    assert prompt.as_chat()[0] == {"role": "system", "content": "be brief"}
    (raw,) = collect({"prompt": "a"}, system_message="be brief", prompt_format="raw")
    assert raw.messages == (("user", "a"),)


def test_the_generator_draws_the_same_prompts_for_a_seed(state):
    one = prompt_set.collect(Recipe(prompts="generator", prompt_limit=12, seed=1))
    assert one.count == 12
    assert prompt_set.collect(Recipe(prompts="generator", prompt_limit=12, seed=1)).sha256 == one.sha256
    assert prompt_set.collect(Recipe(prompts="generator", prompt_limit=12, seed=2)).sha256 != one.sha256


def test_a_remote_source_is_asked_once(state, tmp_path, monkeypatch):
    import pyarrow as pa
    from pyarrow import parquet

    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    data = tmp_path / "data"
    data.mkdir()
    parquet.write_table(pa.table({"question": ["a", "b", "a"]}), data / "train.parquet")
    recipe = Recipe(prompts=f"hub:{data}", prompt_column="question")
    first = prompt_set.collect(recipe)
    assert (first.count, first.duplicates) == (2, 1)
    (data / "train.parquet").unlink()
    assert prompt_set.collect(recipe) == first


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 2"),
        ("[1]", "must be an object"),
        ('{"x": 1}', "prompt_column="),
        ('{"messages": [{"role": "user"}]}', "role, content"),
        ('{"messages": [{"role": "assistant", "content": "a"}]}', "assistant"),
        ('{"prompt": 3}', "role, content"),
        ('{"prompt": "other", "id": "same"}', "same"),
        ('{"prompt": "\\ud800"}', "surrogate"),
        ("[" * 100_000, "line 2"),
    ],
)
def test_a_broken_row_is_named(state, tmp_path, line, says):
    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt": "good", "id": "same"}\n' + line + "\n")
    with pytest.raises(UsageError) as error:
        prompt_set.collect(Recipe(prompts=str(path)))
    assert says in str(error.value)
    assert "p.jsonl" in str(error.value)


@pytest.mark.parametrize("prompts", ["/no/such.jsonl", "nonsense", "hub:", "rstar:fast"])
def test_a_source_that_is_none_says_what_to_give(state, prompts):
    with pytest.raises(UsageError):
        prompt_set.collect(Recipe(prompts=prompts))


def test_no_prompt_at_all_is_an_error(collect):
    with pytest.raises(UsageError, match="empty"):
        collect()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip),
        min_size=1,
        max_size=8,
        unique_by=lambda text: " ".join(text.split()),
    )
)
def test_any_text_survives_storage(collect, texts):
    found = collect(*({"prompt": text} for text in texts))
    assert [prompt.text for prompt in found] == texts
