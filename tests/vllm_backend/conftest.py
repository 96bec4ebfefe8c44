import os

# Before vLLM is imported, and for the processes that the tests start: one process, little memory, no cores of its own.
for _name, _value in {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}.items():
    os.environ.setdefault(_name, _value)

import pytest  # noqa: E402 - after the environment is set


@pytest.fixture(scope="session")
def vllm_home(tmp_path_factory):
    """One state folder for all tests of this folder."""
    folder = tmp_path_factory.mktemp("vllm") / "home"
    patch = pytest.MonkeyPatch()
    patch.setenv("SSD_HARNESS_HOME", str(folder))
    patch.setenv("OMP_NUM_THREADS", "1")
    yield folder
    patch.undo()


@pytest.fixture(scope="session")
def base(tiny_vllm_model, vllm_home):
    """The tiny model as it is, under ssd-vllm: the one vLLM that all tests share, since starting one takes long."""
    pytest.importorskip("trl")
    from ssd_harness.harness.models.vllm import SsdVllm

    return SsdVllm(pretrained=str(tiny_vllm_model), rounds=0, max_num_seqs=16, batch_size=1, device="cuda:0")
