import hashlib
import json
import re

import pytest
from demo_model.tokenizer import END_OF_TEXT, TURN_END, TURN_START
from hypothesis import given
from hypothesis import strategies as st
from problem_families import mini

from ssd_harness import prompt_styles
from ssd_harness.artifacts.base_model import demo_folder

FOLDER = demo_folder()
SPECIAL = (END_OF_TEXT, TURN_START, TURN_END)

pytestmark = pytest.mark.hf


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def model():
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(FOLDER).eval()


def prompt_ids(tokenizer, row):
    messages = prompt_styles.render(row).messages
    return tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)


def test_it_is_small_and_computes_in_float32(model):
    import torch

    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 4 << 20
    assert 0.5e6 < sum(parameter.numel() for parameter in model.parameters()) < 1.5e6
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert model.config.model_type == "qwen3"


def test_the_card_names_the_weights_that_ship():
    card = (FOLDER.parent / "MODEL_CARD.md").read_text("utf-8")
    digest = hashlib.sha256((FOLDER / "model.safetensors").read_bytes()).hexdigest()
    assert digest in card


@given(text=st.text(alphabet=st.characters(exclude_categories=("Cs",))))
def test_every_text_survives_the_tokenizer(tokenizer, text):
    assert tokenizer.decode(tokenizer(text).input_ids) == text


def test_a_turn_ends_with_the_token_that_ends_generation(tokenizer, model):
    assert tokenizer.eos_token == TURN_END
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], add_generation_prompt=True, tokenize=False
    )
    assert text == f"{TURN_START}user\nHi{TURN_END}\n{TURN_START}assistant\n"


def test_prompts_are_short(tokenizer):
    assert max(len(prompt_ids(tokenizer, problem.row())) for problem in mini.problems()) < 200


@pytest.mark.lcb
def test_the_context_holds_every_prompt_of_v6(tokenizer, model, lcb_fixtures):
    lines = (lcb_fixtures / "code_generation_lite" / "test6.jsonl").read_text("utf-8").splitlines()
    longest = max(len(prompt_ids(tokenizer, json.loads(line))) for line in lines)
    assert longest + 4096 <= model.config.max_position_embeddings


def test_its_most_likely_answers_are_programs(tokenizer, model):
    """Without drawing, a problem of every family gets a reply with one block of Python that parses, and an end."""
    import ast

    import torch

    for problem in mini.problems()[::3]:
        ids = torch.tensor([prompt_ids(tokenizer, problem.row())])
        reply = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=200)[0]
        assert reply[-1] == tokenizer.eos_token_id
        text = tokenizer.decode(reply[ids.shape[1] : -1])
        (program,) = re.fullmatch(r"```python\n(.*)```", text, re.DOTALL).groups()
        ast.parse(program)
