"""Bad values of what vLLM and lm-eval's class for it take: refused by their own configuration, before any weight is read."""

import json
import shutil

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed here; its tests have an environment of their own")
pytest.importorskip("trl")

from ssd_harness.artifacts.base_model import demo_folder
from ssd_harness.errors import UsageError
from ssd_harness.harness.models import class_arguments
from ssd_harness.plugins.vllm_engine.backend import VllmBackend

pytestmark = [pytest.mark.vllm, pytest.mark.hf]

BAD = {
    "dtype": "nonsense",
    "tensor_parallel_size": 3,  # the demo has 4 heads
    "max_model_len": 99_999_999,
    "max_length": 99_999_999,
    "max_num_seqs": -1,
    "quantization": "nonsense",
    "enforce_eager": "nonsense",
    "kv_cache_dtype": "nonsense",
    "block_size": "nonsense",
    "seed": "nonsense",
    "gpu_memory_utilization": 2,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The demo model's settings, without its weights: what is at hand of a Hub model before it is downloaded."""
    folder = tmp_path_factory.mktemp("settings")
    for file in demo_folder().iterdir():
        if file.is_file() and file.suffix != ".safetensors":
            shutil.copy(file, folder)
    return folder


def test_good_arguments_pass(folder):
    VllmBackend().check_model_arguments(
        folder, {"batch_size": "auto", "max_length": 512, "max_num_seqs": 4, "seed": 5, "dtype": "auto"}
    )
    class_arguments.check_with_model({"max_model_len": 512}, folder, vllm=True)


@pytest.mark.parametrize(("name", "value"), BAD.items())
def test_a_bad_argument_is_refused(folder, name, value):
    with pytest.raises(UsageError) as refused:
        class_arguments.check_with_model({name: value}, folder, vllm=True)
    assert len(str(refused.value).splitlines()) == 1
    assert str(value) in str(refused.value) or name in str(refused.value) or json.dumps(value) in str(refused.value)
