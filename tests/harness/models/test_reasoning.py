"""Marks that are tokens, and marks that are text, with a real tokenizer."""

import pytest

pytest.importorskip("transformers")

from ssd_harness.harness.models.reasoning import ReasoningMarks

WORDS = [
    "<think>",
    "</think>",
    "[THINK]",
    "[/THINK]",
    "<|channel|>",
    "<|message|>",
    "analysis",
    "final",
    "user",
    "a",
    "b",
]


@pytest.fixture(scope="module")
def tokenizer():
    """Words as tokens; Mistral's marks are special, Qwen's are not, as in the originals."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    model = Tokenizer(models.WordLevel({word: number for number, word in enumerate([*WORDS, "<unk>"])}, "<unk>"))
    model.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    model.decoder = decoders.Fuse()
    fast = PreTrainedTokenizerFast(tokenizer_object=model)
    fast.add_special_tokens({"additional_special_tokens": ["[THINK]", "[/THINK]", "<|channel|>", "<|message|>"]})
    return fast


def ids(*words):
    return tuple(WORDS.index(word) for word in words)


@pytest.mark.parametrize(
    ("words", "opened", "rest", "inside"),
    [
        (["a", "b"], False, ["a", "b"], False),
        (["a", "b"], True, ["a", "b"], True),
        (["a", "</think>", "b"], True, ["a", "</think>", "b"], True),  # the mark is left for the reader of the text
        (["<think>", "a"], False, ["<think>", "a"], True),
        (["a", "[/THINK]", "b"], True, ["b"], False),
        (["[THINK]", "a"], False, ["[THINK]", "a"], True),
        (["<|channel|>", "analysis", "<|message|>", "a"], False, ["<|channel|>", "analysis", "<|message|>", "a"], True),
    ],
)
def test_what_is_left_after_the_reasoning(tokenizer, words, opened, rest, inside):
    assert ReasoningMarks(tokenizer).split(ids(*words), opened=opened) == (ids(*rest), inside)


def test_a_mark_of_the_users_own_ends_it(tokenizer):
    assert ReasoningMarks(tokenizer, WORDS.index("b")).split(ids("a", "b", "a"), opened=True) == (ids("a"), False)
    # lm-eval's function cuts at a text; what is left has no mark any more.
    assert ReasoningMarks(tokenizer, "</think>").split(ids("a", "</think>", "b"), opened=True)[1] is False


def test_a_template_may_open_it(tokenizer):
    marks = ReasoningMarks(tokenizer)
    assert marks.opened_by(ids("user", "<think>"))
    assert not marks.opened_by(ids("<think>", "</think>", "user"))
