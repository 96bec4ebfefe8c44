import json

import pytest
from demo_model import tokenizer as demo_tokenizer
from demo_model.corpus import lessons
from demo_model.noise import CLEAN
from demo_model.train import Plan, batches, encode, train

pytestmark = pytest.mark.hf
PLAN = Plan(steps=6, clean_steps=3, batch=4, warmup=2, vocabulary=400, hidden=32, layers=1, intermediate=32, seed=3)


@pytest.fixture(scope="module")
def taught():
    return list(lessons(seed=3, count=24, noise=CLEAN))


def trained_tokenizer(taught):
    texts = [text for lesson in taught for text in (lesson.user, lesson.reply)]
    return demo_tokenizer.train(texts, vocabulary=400, longest=1000)


def test_the_same_lessons_give_the_same_tokenizer(taught):
    one, other = (trained_tokenizer(taught).backend_tokenizer.to_str() for _ in range(2))
    assert one == other


def test_digits_stand_alone(taught):
    tokens = trained_tokenizer(taught).tokenize("print(12 + 1234)")
    assert all(not token.strip("Ġ").isdigit() or len(token.strip("Ġ")) == 1 for token in tokens)


def test_labels_cover_replies_and_their_end_alone(taught):
    tokenizer = trained_tokenizer(taught)
    seen = []
    for ids, labels in batches(tokenizer, taught, PLAN):
        for row, label in zip(ids.tolist(), labels.tolist(), strict=True):
            reply = [token for token in label if token != -100]
            assert reply[-1] == tokenizer.eos_token_id
            start = label.index(reply[0])
            assert row[start : start + len(reply)] == reply
            seen.append((tuple(row[:start]), tuple(reply)))
    assert sorted(seen) == sorted((tuple(a), tuple(b)) for a, b in (encode(tokenizer, lesson) for lesson in taught))


def test_a_short_training_saves_a_model_that_loads_in_float32(tmp_path):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    train(PLAN, tmp_path)
    assert json.loads((tmp_path / "plan.json").read_text())["steps"] == 6
    model, tokenizer = AutoModelForCausalLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    assert model.dtype == torch.float32
    assert model.config.vocab_size == len(tokenizer)
    assert model.config.tie_word_embeddings
