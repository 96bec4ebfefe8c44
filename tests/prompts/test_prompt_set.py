import itertools
import json
import re
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssd_harness import progress
from ssd_harness import prompt_styles as prompt_texts
from ssd_harness.errors import UsageError
from ssd_harness.prompts import prompt_set
from ssd_harness.prompts.overlap import livecodebench
from ssd_harness.recipe.definition import Recipe


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


def test_prompts_can_be_left_out_by_their_ids(collect, tmp_path):
    rows = [{"prompt": f"prompt {k}", "id": f"p {k}"} for k in range(6)]
    (tmp_path / "one").write_text("p 0\n\n p 3 \nunknown\n")
    (tmp_path / "two").write_text('{"leave_out": ["p 1"]}')
    found = collect(*rows, {"prompt": "prompt  3", "id": "a copy"}, exclude_prompts=f"{tmp_path}/one+{tmp_path}/two")
    assert [prompt.id for prompt in found] == ["p 2", "p 4", "p 5"]
    assert (found.excluded, found.duplicates) == (3, 1)  # a copy of what was left out does not take its place
    assert collect(*rows[4:]).sha256 == collect(*rows[3:], exclude_prompts=f"{tmp_path}/one").sha256
    with pytest.raises(UsageError, match="ids of excluded prompts"):
        collect(*rows, exclude_prompts=f"{tmp_path}/absent")


def test_the_hash_follows_content_and_order_not_the_file(collect):
    one = collect({"prompt": "a"}, {"prompt": "b"})
    assert collect({"text": "a"}, {"question": "b"}).sha256 == one.sha256
    assert collect({"prompt": "b"}, {"prompt": "a"}).sha256 != one.sha256
    assert collect({"prompt": "a"}, {"prompt": "b"}, prompt_limit=1).sha256 != one.sha256


def test_a_system_message_is_part_of_the_prompt(collect):
    (prompt,) = collect({"prompt": "a"}, system_message="be brief")
    assert prompt.as_chat()[0] == {"role": "system", "content": "be brief"}
    with pytest.raises(UsageError, match="none with prompt_format=raw"):
        collect({"prompt": "a"}, system_message="be brief", prompt_format="raw")


def test_the_demo_prompts_ship_with_the_package(state):
    few, rest = (prompt_set.collect(Recipe(prompts="demo", prompt_limit=limit)) for limit in (12, None))
    assert (few.count, rest.count) == (12, 1024)
    assert [prompt.id for prompt in few] == [prompt.id for prompt in rest][:12]


def test_a_slow_source_is_told_about_with_the_time_that_is_left(state, monkeypatch, capsys):
    now = itertools.count()
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: float(next(now))))
    prompt_set.collect(Recipe(prompts="demo", prompt_limit=40))
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert re.fullmatch(r"ssd-harness: prompts: \d+ of 40, \d+ s, [\d.]+ a (second|minute), about \d+ s left", lines[0])


@pytest.mark.hf
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
        ("[1]", "must be a JSON object"),
        ('{"x": 1}', "prompt_column="),
        ('{"messages": [{"role": "user"}]}', "role, content"),
        ('{"messages": [{"role": "assistant", "content": "a"}]}', "assistant"),
        ('{"prompt": "a", "id": "\\ud800"}', "surrogate"),
        ('{"prompt": 3}', "role, content"),
        ('{"prompt": "other", "id": "same"}', "same"),
        ('{"prompt": "\\ud800"}', "surrogate"),
        ("[" * 100_000, "line 2"),
        ('{"prompt": "a"', "one JSON object per line"),
        ('{"prompt": " "}', "column 'prompt' is empty"),
        ('{"prompt": null}', "column 'prompt' is empty"),
        ('{"messages": []}', "column 'messages' is empty"),
        ('{"messages": [{"role": "user", "content": ""}]}', "the prompt is empty"),
        ('{"messages": [{"role": "\\u001b[31m", "content": "a"}]}', "unknown role"),
        ('{"x\\u001b[31m": 1}', "got x\\x1b[31m"),
    ],
)
def test_a_broken_row_is_named(state, tmp_path, line, says):
    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt": "good", "id": "same"}\n' + line + "\n")
    with pytest.raises(UsageError) as error:
        prompt_set.collect(Recipe(prompts=str(path)))
    assert says in str(error.value)
    assert "p.jsonl" in str(error.value)
    assert str(error.value).isprintable()


CHAT = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]


@pytest.mark.parametrize(
    ("row", "fields", "turns"),
    [
        ({"messages": CHAT}, {}, [("user", "u")]),
        ({"messages": [*CHAT, *CHAT]}, {}, [("user", "u"), ("assistant", "a"), ("user", "u")]),
        ({"talk": [{"from": "human", "value": "u"}]}, {"prompt_column": "talk"}, [("user", "u")]),
        ({"a": {"b": {"text": "u"}}}, {"prompt_column": "a.b.text"}, [("user", "u")]),
        ({"a.b": "u", "a": {"b": "v"}}, {"prompt_column": "a.b"}, [("user", "u")]),
        ({"a": [{"q": "t"}, {"q": "u"}]}, {"prompt_column": "a.1.q"}, [("user", "u")]),
    ],
)
def test_chats_and_nested_columns(collect, row, fields, turns):
    (prompt,) = collect({**row, "about": {"number": 5}}, id_column="about.number", **fields)
    assert (prompt.id, list(prompt.messages)) == ("5", turns)


def test_a_column_of_starter_code_puts_prompts_into_the_evaluations_words(collect):
    rows = [{"q": "Add.", "code": "def f():"}, {"q": "Sum.", "code": None}, {"q": " Add. ", "code": ""}]
    found = collect(*rows, prompt_column="q", starter_column="code")
    shown = [prompt_texts.render({"question_content": row["q"], "starter_code": row["code"]}).user for row in rows]
    assert [prompt.text for prompt in found] == shown[:2]
    assert found.duplicates == 1  # a statement is a copy whatever code comes with it


@pytest.mark.parametrize(
    ("row", "fields", "says"),
    [
        ({"q": "a"}, {"prompt_column": "q.text"}, "no column 'q.text', only q"),
        ({"q": "a"}, {"prompt_column": "q", "id_column": "x.y"}, "no column 'x.y'"),
        ({"q": "a"}, {"prompt_column": "q", "starter_column": "code"}, "no column 'code'"),
        ({"q": "a", "code": 3}, {"prompt_column": "q", "starter_column": "code"}, "must be text, not int"),
        ({"messages": CHAT, "code": ""}, {"starter_column": "code"}, "must be text"),
        ({"q": ["a"]}, {"prompt_column": "q.7"}, "no column 'q.7'"),
        ({"q": ""}, {"prompt_column": "q"}, "column 'q' is empty"),
        ({"q": " "}, {"prompt_column": "q", "starter_column": "q"}, "column 'q' is empty"),
        ({"q": "a"}, {"prompt_column": "q", "filter": "passes-tests", "tests_column": "t"}, "no column 't', only q"),
    ],
)
def test_a_wrong_mapping_is_one_line(collect, row, fields, says):
    with pytest.raises(UsageError) as error:
        collect(row, **fields)
    assert says in str(error.value)
    assert "line 1" in str(error.value)
    assert "\n" not in str(error.value)


ALPACA = {"instruction": "Reverse it.", "input": "hello", "output": "olleh"}


@pytest.mark.parametrize(
    ("row", "turns"),
    [
        (ALPACA, [("user", "Reverse it.\n\nhello")]),
        ({**ALPACA, "input": ""}, [("user", "Reverse it.")]),
        (
            {**ALPACA, "system": "Be brief.", "history": [["a", "b"]]},
            [("system", "Be brief."), ("user", "a"), ("assistant", "b"), ("user", "Reverse it.\n\nhello")],
        ),
        (
            {"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}], "system": "s"},
            [("system", "s"), ("user", "u")],
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "u"}, {"type": "text", "text": "v"}]}]},
            [("user", "u\nv")],
        ),
    ],
)
def test_known_shapes_of_rows_are_read_whole(collect, row, turns):
    found = collect(row)
    (prompt,) = found
    assert list(prompt.messages) == turns
    assert all("input" not in note and "system" not in note for note in found.notes)


def test_rows_that_differ_in_their_input_alone_are_no_duplicates(collect):
    found = collect(ALPACA, {**ALPACA, "input": "stone"}, ALPACA)
    assert (found.count, found.duplicates) == (2, 1)


def test_what_would_be_left_out_is_said(collect):
    found = collect(
        {"prompt": "a", "context": "b", "empty": "", "bad\x1b": 1},
        {"messages": [*CHAT[:1], {"role": "assistant", "content": "x", "tool_calls": [1]}], "context": "c"},
    )
    assert found.notes == (
        "unused columns (number of rows): 'context' (2), 'bad\\x1b' (1), 'turn.tool_calls' (1)",
        "ignored the final answers of 1 row; the model writes its own",
    )
    assert collect({"prompt": "a", "id": 3}).notes == ()


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]}, "image_url"),
        ({"instruction": "a", "input": {"b": 1}}, "prompt_template="),
        ({"instruction": "a", "history": ["b"]}, "history"),
    ],
)
def test_what_cannot_be_read_whole_is_refused(collect, row, says):
    with pytest.raises(UsageError, match=says):
        collect(row)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{instruction}\n\n{input}", "Reverse it.\n\nhello"),
        (r"{instruction}\n{ input }", "Reverse it.\nhello"),
        ("Q: {meta.lang} {{x}}", "Q: py {x}"),
        ("{odd}", "{instruction} {0.__class__}"),
        ("{none}{number}", "3"),
    ],
)
def test_a_template_puts_columns_together(collect, template, text):
    extra = {"meta": {"lang": "py"}, "odd": "{instruction} {0.__class__}", "none": None, "number": 3}
    (prompt,) = collect({**ALPACA, **extra}, prompt_template=template)
    assert prompt.text == text


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{instruction.__class__}", "no column"),
        ("{instruction!r}", "no column"),
        ("{}", "no column ''"),
        ("{list}", "does not hold text"),
        ("{empty}", "empty prompt"),
    ],
)
def test_a_template_reaches_nothing_but_columns(collect, template, says):
    with pytest.raises(UsageError, match=says):
        collect({**ALPACA, "list": [1], "empty": " "}, prompt_template=template)


def test_a_template_and_a_column_are_one_too_many():
    with pytest.raises(UsageError, match="none with prompt_column"):
        Recipe(prompt_template="{a}", prompt_column="a")


STORY = "A beaver builds seven dams along one river while eight otters steal sticks every night from the last dam."


@pytest.fixture
def stories(monkeypatch):
    """Let the benchmark have one problem of these tests' own."""
    rows = [("dam", STORY), *((f"q{k}", f"Number {k} of many other sums.") for k in range(50))]
    known = livecodebench.read(livecodebench.count(rows))
    monkeypatch.setattr(livecodebench, "shipped", lambda: known)


def test_prompts_that_give_the_benchmark_away_are_left_out_and_recorded(collect, stories):
    clean = [{"id": f"p{k}", "prompt": f"Say {k}."} for k in range(150)]
    found = collect(*clean[:90], {"id": "leak", "prompt": f"Solve:\n{STORY.upper()}"}, *clean[90:])
    assert found.overlaps == (("leak", "dam", 1.0),)
    assert (found.count, found.overlapping, found.overlap_kept, found.different) == (150, 1, False, 151)
    assert found.sha256 == collect(*clean).sha256  # so the hash holds the decision
    limited = collect(*clean[:2], {"prompt": STORY}, *clean[2:], prompt_limit=150)
    assert limited.sha256 == found.sha256


def test_a_leaked_set_stops_the_run_unless_it_is_allowed(collect, stories, state):
    rows = [{"id": f"p{k}", "prompt": f"Say {k}."} for k in range(100)]
    leaks = [{"id": f"leak{k}", "prompt": f"{k}: {STORY}"} for k in range(2)]
    with pytest.raises(UsageError, match=r"2 of 102 prompts overlap LiveCodeBench .* 'leak0' contains 100% of 'dam'"):
        collect(*rows, *leaks)
    assert [file.name for file in (state / "prompts").iterdir()] == []
    kept = collect(*rows, *leaks, allow_overlap=True)
    assert (kept.count, kept.overlapping, kept.overlap_kept) == (102, 2, True)
    with pytest.raises(UsageError, match="1 of 1 prompts"):
        collect(leaks[0])


@pytest.mark.parametrize(
    "prompts",
    [
        *("/no/such.jsonl", "nonsense", "hub:", "rstar:fast", "demo:fast"),
        *("~nobody-at-all/x.jsonl", f"{'x' * 5000}.jsonl", "\0.jsonl"),
    ],
)
def test_a_source_that_is_none_says_what_to_give(state, prompts):
    with pytest.raises(UsageError):
        prompt_set.collect(Recipe(prompts=prompts))


def test_no_prompt_at_all_is_an_error(collect, tmp_path):
    with pytest.raises(UsageError, match="has no prompts"):
        collect()
    (tmp_path / "ids").write_text("1\n")
    with pytest.raises(UsageError, match="leaves out all 1 prompts"):
        collect({"prompt": "a", "id": 1}, exclude_prompts=str(tmp_path / "ids"))
    with pytest.raises(UsageError, match=r"No such file .*nowhere.*exclude_prompts="):
        collect({"prompt": "a"}, exclude_prompts="nowhere")


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
