import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_harness import prompt_styles
from ssd_harness.errors import UsageError

STDIN = {"question_content": "Add {{starter_code}} two numbers.", "starter_code": ""}
FUNCTIONAL = {"question_content": "Sort.", "starter_code": "class Solution:\n    def f(self, a):\n        "}


@pytest.mark.parametrize("name", prompt_styles.names())
@pytest.mark.parametrize("row", [STDIN, FUNCTIONAL])
def test_every_builtin_shows_the_problem_and_asks_for_python(name, row):
    prompt = prompt_styles.render(row, name)
    assert row["question_content"] in prompt.user  # braces in a statement are not placeholders
    assert "```python" in prompt.user
    assert row["starter_code"].strip("\n") in prompt.user
    assert len(prompt.sha256) == 64


def test_the_fixed_part_of_the_chat_prompt_is_short():
    for row in (STDIN, FUNCTIONAL):
        fixed = prompt_styles.render(row).user.replace(row["question_content"], "").replace(row["starter_code"], "")
        assert len(fixed) < 300


def test_system_message_comes_first_and_only_where_asked():
    assert [m["role"] for m in prompt_styles.render(STDIN, "ssd/chat-system").messages] == ["system", "user"]
    assert [m["role"] for m in prompt_styles.render(STDIN, "ssd/chat").messages] == ["user"]
    assert not prompt_styles.render(STDIN, "ssd/completion").chat


def test_hash_follows_the_texts(tmp_path):
    hashes = {prompt_styles.load(name).sha256 for name in prompt_styles.names()}
    assert len(hashes) == len(prompt_styles.names())
    (tmp_path / "a").write_text("{{question_content}}!")
    (tmp_path / "b").write_text("{{question_content}}!")
    (tmp_path / "c").write_text("{{question_content}}?")
    a, b, c = (prompt_styles.load(f"file:{tmp_path / name}") for name in "abc")
    assert a.sha256 == b.sha256 != c.sha256


def test_own_text_is_kept_exactly(tmp_path):
    (tmp_path / "stdin.txt").write_text("  <{{question_content}}>\n\n")
    (tmp_path / "functional.txt").write_text("[{{question_content}}|{{starter_code}}]")
    (tmp_path / "system.txt").write_text("Be brief.\n")
    prompt = prompt_styles.load(f"file:{tmp_path}")
    assert prompt.render({"question_content": "q"}).user == "  <q>\n\n"
    assert prompt.render({"question_content": "q", "starter_code": "s"}).user == "[q|s]"
    assert prompt.system == "Be brief.\n"


def test_a_text_that_ends_inside_a_block_is_a_completion(tmp_path):
    (tmp_path / "p.txt").write_text("{{question_content}}\n```python\n")
    prompt = prompt_styles.load(f"file:{tmp_path / 'p.txt'}")
    assert (prompt.chat, prompt.opens_block) == (False, True)
    assert prompt_styles.load("ssd/completion").opens_block
    assert not prompt_styles.load("ssd/chat").opens_block
    (tmp_path / "stdin.txt").write_text("{{question_content}}\n```python\n")
    (tmp_path / "functional.txt").write_text("{{question_content}}\n{{starter_code}}")
    with pytest.raises(UsageError, match="ends inside a code block"):
        prompt_styles.load(f"file:{tmp_path}")


def test_own_text_takes_the_fields_as_they_are(tmp_path):
    (tmp_path / "p.txt").write_text("<{{question_content}}>")
    row = {"question_content": "\nq\n\n"}
    assert prompt_styles.load(f"file:{tmp_path / 'p.txt'}").render(row).user == "<\nq\n\n>"
    assert prompt_styles.render(row).user.startswith("q\n\nWrite")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{question_content}} {{answer}}", "unknown placeholder"),
        ("Solve it.", "does not contain the problem"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_a_useless_file_is_refused(tmp_path, text, reason):
    path = tmp_path / "p.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match=reason):
        prompt_styles.load(f"file:{path}")


def test_unknown_names_list_the_known_ones(tmp_path):
    with pytest.raises(UsageError, match="ssd/chat"):
        prompt_styles.load("official")
    with pytest.raises(UsageError, match="cannot read"):
        prompt_styles.load(f"file:{tmp_path / 'absent'}")


@given(st.text(), st.text())
def test_rendering_never_fails_on_hostile_text(question, starter):
    prompt = prompt_styles.render({"question_content": question, "starter_code": starter})
    assert question.strip("\n") in prompt.user
