import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_harness.judge import extraction
from ssd_harness.judge.extraction import answer, extract_program

plain = st.text().filter(lambda text: not any(mark in text.lower() for mark in ("`", "think", "<|")))


@given(plain, plain, plain)
def test_the_program_comes_out_exactly(before, code, after):
    assert extract_program(f"{before}\n```python\n{code}\n```\n{after}") == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", ""),
        ("print(1)", ""),
        ("```python\nprint(1)", ""),
        ("```\na\n```\ntext\n```py\nb\n```", "b"),
        ("```\na\n```\n```", ""),  # the last two fences enclose nothing
        ("```\na\n```\nuse ``` so", ""),
        ("```a```\nb\n```", "b"),
        ("one line ``` ```", ""),
        ("```\r\na\r\n```", "a\r"),
        ("<think>\n```\nwrong\n```\n</think>\n```\nright\n```", "right"),
        ("```\nwrong\n```\n</think>", ""),
        ("<think>\n```\nnever ends\n```", ""),
        ("<|channel|>analysis<|message|>x<|channel|>final<|message|>```\na\n```", "a"),
    ],
)
def test_the_official_rule(text, code):
    assert extract_program(text) == code


def test_an_open_block_ends_at_its_fence():
    assert extract_program("a\nb\n```\nmore\n```\nc\n```", block_is_open=True) == "a\nb"
    assert extract_program("a\nb", block_is_open=True) == "a\nb"


def test_only_the_end_of_a_huge_text_counts(monkeypatch):
    monkeypatch.setattr(extraction, "MAX_CHARACTERS", 1000)
    assert extract_program("x" * 5000 + "\n```\na\n```") == "a"
    assert extract_program("```\na\n```" + "x" * 5000) == ""


@given(st.text())
def test_a_text_without_reasoning_is_its_own_answer(text):
    if not any(mark in text for mark in ("<", "[")):
        assert answer(text) == text
