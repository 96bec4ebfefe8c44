"""Every field of the recipe with a bad value, on the command line of ``distill``: refused, and nothing is sampled."""

import json

import pytest

pytest.importorskip("trl")

from bad_values import BAD_FIELDS, listed, prompts_for

from ssd_harness.cli.main import main
from ssd_harness.distill import pipeline
from ssd_harness.errors import ExitCode

pytestmark = pytest.mark.hf

ONLY_WITH_AN_EVALUATION = [("max_gen_toks_eval", "99999999")]


@pytest.mark.parametrize("more", [[], ["--dry-run"]], ids=["run", "dry"])
@pytest.mark.parametrize(
    ("name", "value"), [pair for pair in listed(BAD_FIELDS) if pair not in ONLY_WITH_AN_EVALUATION]
)
def test_a_bad_field_is_refused(state, tmp_path, monkeypatch, capsys, name, value, more):
    monkeypatch.setattr(pipeline, "run", lambda _: pytest.fail("the transform has begun"))
    word = value if isinstance(value, str) else json.dumps(value)
    prompts = [f"{field}={path}" for field, path in prompts_for(name, tmp_path).items()]
    assert main(["distill", "demo", *prompts, f"{name}={word}", *more]) == ExitCode.USAGE
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert line.startswith("ssd-harness: error: ")
    assert not (state / "training").exists()
