"""A folder that transformers cannot read is one clear line, whatever transformers raises for it."""

import json
import shutil

import pytest

pytest.importorskip("torch")

from ssd_harness.engines import loading
from ssd_harness.errors import InfrastructureError


@pytest.mark.parametrize("odd", [{"num_hidden_layers": 48, "layer_types": ["full_attention"]}, {"vocab_size": "x"}])
def test_a_configuration_that_transformers_refuses(tiny_model, tmp_path, odd):
    folder = tmp_path / "odd"
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | odd))
    with pytest.raises(InfrastructureError, match="cannot load the tokenizer") as error:
        loading.load_tokenizer(folder)
    assert "\n" not in str(error.value)
