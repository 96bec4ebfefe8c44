from importlib.util import find_spec

import pytest

from ssd_harness.errors import UsageError
from ssd_harness.harness.models.model_args import split_arguments


class Model:
    def __init__(
        self, pretrained, batch_size=1, device="cuda", dtype="auto", max_length=None, trust_remote_code=False, **kwargs
    ):
        pass


def test_arguments_go_where_they_are_known():
    overrides, rest = split_arguments(
        {"T_train": 1.2, "recipe": "demo", "batch_size": 8, "device": "cpu", "attn_implementation": "eager"}, Model
    )
    assert overrides == {"T_train": 1.2, "recipe": "demo", "device": "cpu"}
    assert rest == {"batch_size": 8, "device": "cpu", "attn_implementation": "eager"}


@pytest.mark.parametrize(("name", "says"), [("T_trian", "T_train"), ("batchsize", "batch_size"), ("promts", "prompts")])
def test_a_misspelt_argument_names_the_nearest(name, says):
    with pytest.raises(UsageError, match=f"did you mean '{says}"):
        split_arguments({name: 1}, Model)


@pytest.mark.parametrize("name", ["peft", "delta", "gguf_file"])
def test_what_would_evaluate_another_model_is_refused(name):
    with pytest.raises(UsageError, match=name):
        split_arguments({name: "x"}, Model)


def test_another_backend_has_other_arguments():
    further, refused = {"max_num_seqs"}, {"lora_local_path": "merge first"}
    _, rest = split_arguments({"max_num_seqs": 8}, Model, further=further, refused=refused)
    assert rest == {"max_num_seqs": 8}
    with pytest.raises(UsageError, match="merge first"):
        split_arguments({"lora_local_path": "x"}, Model, further=further, refused=refused)
    with pytest.raises(UsageError, match="load_in_4bit"):
        split_arguments({"load_in_4bit": True}, Model, further=further, refused=refused)


@pytest.mark.hf
@pytest.mark.skipif(bool(find_spec("vllm")), reason="vLLM is installed here")
def test_without_vllm_its_model_and_sampler_are_one_line(tmp_path):
    from lm_eval.api.registry import get_model

    from ssd_harness.distill import engine_sampler
    from ssd_harness.recipe.definition import Recipe

    with pytest.raises(UsageError, match=r"ssd-harness\[hf,vllm\]"):
        get_model("ssd-vllm")
    with pytest.raises(UsageError, match=r"ssd-harness\[hf,vllm\]"):
        engine_sampler.vllm(tmp_path, Recipe(prompts="demo"))
