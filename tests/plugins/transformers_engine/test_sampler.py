import json

import pytest

pytest.importorskip("torch")

from ssd_harness.distill import engine_sampler, sampling
from ssd_harness.distill.job import Job
from ssd_harness.errors import UsageError
from ssd_harness.extensions.contracts import Prompt
from ssd_harness.recipe.definition import Recipe

pytestmark = pytest.mark.hf

PROMPTS = [Prompt(f"p{k}", (("user", f"Say {k}"),)) for k in range(6)]


def draw(model, prompts=PROMPTS, seed=0, **fields):
    small = {"max_new_tokens_train": 20, "T_train": 1.2, "n_train": 2}
    return list(engine_sampler.hf(model, Recipe(**{**small, **fields})).sample(prompts, seed))


def test_prompts_go_through_the_chat_template_once(tiny_model):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    (first, *_) = draw(tiny_model, n_train=1)
    assert (
        tokenizer.decode(first.prompt_ids)
        == f"<|im_start|>user\nSay {first.prompt_id[1:]}<|im_end|>\n<|im_start|>assistant\n"
    )
    (raw, *_) = draw(tiny_model, n_train=1, prompt_format="raw")
    assert tokenizer.decode(raw.prompt_ids) == f"Say {raw.prompt_id[1:]}"


def test_every_prompt_gets_its_samples_whatever_the_rows(tiny_model):
    made = draw(tiny_model)
    assert sorted((one.prompt_id, one.index) for one in made) == [(f"p{k}", n) for k in range(6) for n in range(2)]
    assert set(draw(tiny_model, sampling_rows=1)) == set(made)
    assert set(draw(tiny_model, prompts=PROMPTS[::-1])) == set(made)
    assert set(draw(tiny_model, seed=1)) != set(made)


def test_an_eos_stands_where_it_was_drawn_and_nowhere_else(tiny_model):
    made = draw(
        tiny_model,
        prompts=[Prompt(f"q{k}", (("user", str(k)),)) for k in range(120)],
        T_train=2.0,
        top_k_train=None,
        top_p_train=1.0,
    )
    assert {one.stop for one in made} == {"eos", "length"}
    for one in made:
        assert (2 in one.token_ids) == (one.token_ids[-1] == 2) == (one.stop == "eos")
        assert "<|im_end|>" not in one.text


def test_a_prompt_beyond_the_context_says_what_fits(tiny_model):
    with pytest.raises(UsageError, match="give max_new_tokens_train=1000 or less"):
        draw(tiny_model, max_new_tokens_train=5000)


def test_a_prompt_that_is_too_long_is_named_before_any_other_is_sampled(tiny_model, tmp_path):
    lines = [json.dumps([f"p{k}", [["user", "Say " + "more " * (2000 if k == 69 else 1)]]]) for k in range(70)]
    (tmp_path / "prompts.jsonl").write_text("\n".join(lines) + "\n")
    recipe = Recipe(max_new_tokens_train=4, device="cpu")
    job = Job("sample", recipe, tiny_model, tmp_path / "prompts.jsonl", 70, 0)
    with pytest.raises(UsageError, match=r"'p69' takes .* leave the prompt out with exclude_prompts=") as error:
        sampling.run(job, tmp_path, lambda *_: None)
    assert "give max_new_tokens_train" not in str(error.value)  # no length would do
    assert not list(tmp_path.glob("*.parquet"))
