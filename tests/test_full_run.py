"""The script of a full-size run, on the embedded model and a few problems."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl")

pytestmark = [pytest.mark.hf, pytest.mark.slow, pytest.mark.docker, pytest.mark.lcb]

ROOT = Path(__file__).resolve().parents[1]


def test_it_tells_the_costs_evaluates_both_models_on_both_windows_and_compares_them(
    tmp_path, state, lcb_fixtures, docker_sandbox
):
    variables = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SSD_LCB_DATA": str(lcb_fixtures / "code_generation_lite"),
        "SSD_FULL_OUT": str(tmp_path / "out"),
        "SSD_FULL_ENGINE": "ssd-hf",
        "SSD_FULL_FIELDS": "prompt_limit=8,steps=1,batch_size_train=4,max_new_tokens_train=16,max_gen_toks_eval=16",
    }
    done = subprocess.run(
        ["bash", ROOT / "runs" / "full.sh", "demo", "1", "--limit", "2"],
        env=os.environ | variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    plan, _, rest = done.stdout.partition("── base")
    assert "training: 4 sequences" in plan
    assert "── ssd: lm_eval --model ssd-hf" in rest
    for window in ("livecodebench_v6", "livecodebench_v5"):
        table = (tmp_path / "out" / f"{window}.txt").read_text()
        assert [line.split()[0] for line in table.splitlines()[2:4]] == ["base", "ssd"]
        assert "over 2 problems" in table
        assert table in done.stdout
