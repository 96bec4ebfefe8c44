import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_harness.livecodebench import extraction
from ssd_harness.livecodebench.extraction import NOTHING_OPEN, Extracted, PromptEnd, answer, extract, prompt_end

CHAT, BLOCK, THINKING = NOTHING_OPEN, PromptEnd(block=True), PromptEnd(reasoning=True)

plain = st.text().filter(lambda text: not any(mark in text.lower() for mark in ("`", "think", "<|")))


@given(plain, plain, plain)
def test_the_program_comes_out_exactly(before, code, after):
    assert extract(f"{before}\n```python\n{code}\n```\n{after}", CHAT) == Extracted(code)


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
    assert extract(text, CHAT).code == code


@pytest.mark.parametrize(
    ("text", "end", "made"),
    [
        ("I think\n```\nno\n```\n</think>\n```\nyes\n```", THINKING, Extracted("yes")),  # the template began it
        ("I think\n```\nno\n```\n", THINKING, Extracted("", unfinished_reasoning=True)),
        ("I think\n```\nyes\n```\n", CHAT, Extracted("yes")),
        ("\n<think>\n```\nno\n```\n", CHAT, Extracted("", unfinished_reasoning=True)),
        ("[THINK]\n```\nno\n```\n", CHAT, Extracted("", unfinished_reasoning=True)),
        ("[THINK]x[/THINK]```\nyes\n```", CHAT, Extracted("yes")),
        ("<seed:think>x</seed:think>```\nyes\n```", CHAT, Extracted("yes")),
        ("<|channel|>analysis<|message|>```\nno\n```", CHAT, Extracted("", unfinished_reasoning=True)),
        # The same model decoded without its special tokens.
        ("analysisWe need\n```\nno\n```assistantfinal```\nyes\n```", CHAT, Extracted("yes")),
        ("analysisWe need\n```\nno\n```", CHAT, Extracted("", unfinished_reasoning=True)),
        ("analysis: sort first\n```\nyes\n```", CHAT, Extracted("yes")),
        ("print('<think>')\n```", BLOCK, Extracted("print('<think>')")),
        ("<think>x</think>\nno fence", CHAT, Extracted("")),
    ],
)
def test_reasoning_is_cut_first(text, end, made):
    assert extract(text, end) == made


@pytest.mark.parametrize(
    ("prompt", "end"),
    [
        ("<|im_start|>assistant\n<think>\n", THINKING),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", CHAT),
        ("A program:\n```python\n", BLOCK),
        ("Reply in one ```python block.", CHAT),
        ("", CHAT),
    ],
)
def test_the_end_of_a_prompt(prompt, end):
    assert prompt_end(prompt) == end


def test_an_open_block_ends_at_its_fence():
    assert extract("a\nb\n```\nmore\n```\nc\n```", BLOCK).code == "a\nb"
    assert extract("a\nb", BLOCK).code == "a\nb"


def test_only_the_end_of_a_huge_text_counts(monkeypatch):
    monkeypatch.setattr(extraction, "MAX_CHARACTERS", 1000)
    assert extract("x" * 5000 + "\n```\na\n```", CHAT).code == "a"
    assert extract("```\na\n```" + "x" * 5000, CHAT).code == ""


@given(st.text())
def test_a_text_without_reasoning_is_its_own_answer(text):
    if not any(mark in text for mark in ("<", "[")):
        assert answer(text) == text
