"""lm-eval's own Hugging Face model on our tasks: the same prompts and samples, and a result that says who rendered."""

import json

import pytest

pytest.importorskip("torch")
pytestmark = [pytest.mark.hf, pytest.mark.usefixtures("state")]


@pytest.fixture
def evaluate(tiny_model, monkeypatch):
    import lm_eval

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def run(**arguments):
        found = lm_eval.simple_evaluate(
            model="hf",
            model_args=f"pretrained={tiny_model},dtype=float32",
            device="cpu",
            tasks=["livecodebench_mini"],
            limit=1,
            predict_only=True,
            gen_kwargs={"max_gen_toks": 4},
            metadata={"repeats": 2, **arguments.pop("metadata", {})},
            **arguments,
        )
        made = json.loads(json.dumps(found["configs"]["livecodebench_mini"], default=str))["metadata"]["ssd_harness"]
        return found["samples"]["livecodebench_mini"][0], made

    return run


def test_without_a_template_it_gets_plain_text_and_is_told(evaluate, caplog):
    sample, made = evaluate()
    assert len(sample["resps"][0]) == len(sample["filtered_resps"][0]) == 2
    assert sample["arguments"][0][0].endswith("block.")
    assert made["chat_template"] == "none"
    assert "gets it as plain text; add --apply_chat_template" in caplog.text
    assert made["generations"]["truncated"] == "unknown"
    assert made["prompt"]["name"] == "ssd/chat"


def test_with_a_template_lm_eval_has_rendered_it_once(evaluate, caplog):
    sample, made = evaluate(apply_chat_template=True, metadata={"prompt": "ssd/chat-system"})
    prompt = sample["arguments"][0][0]
    assert prompt.startswith("<|im_start|>system\nYou are an expert")
    assert prompt.endswith("<|im_start|>assistant\n")
    assert prompt.count("<|im_start|>user") == 1
    assert made["chat_template"] == "lm_eval"
    assert "plain text" not in caplog.text
