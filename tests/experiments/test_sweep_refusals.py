"""What any cell's evaluation would refuse, a sweep refuses before its first training and in a dry run."""

import json

import pytest

pytest.importorskip("trl")

from bad_values import BAD_FIELDS, listed, prompts_for

from ssd_harness.cli.main import main
from ssd_harness.errors import ExitCode
from ssd_harness.experiments import sweep
from ssd_harness.harness import preflight

pytestmark = pytest.mark.hf


class Trained(BaseException):
    """The sweep got as far as its first training."""


@pytest.fixture(params=[[], ["--dry-run"]], ids=["run", "dry"])
def ends(request, state, tmp_path, monkeypatch, capsys):
    """Run a small sweep with more words; return its exit code and its last line."""

    def train(*_, **__):
        raise Trained

    monkeypatch.setattr(sweep, "run", train)
    monkeypatch.setattr(preflight, "check_sandbox", lambda _: None)

    def run(*more, model="demo", out=tmp_path / "out"):
        words = ["sweep", str(model), "--tasks", "livecodebench_mini", "--axis", "T_eval=0.5,0.9", "--limit", "2"]
        try:
            code = main([*words, "--out", str(out), *map(str, more), *request.param])
        except Trained:
            code = ExitCode.DONE
        assert not (state / "training").exists()
        return code, (capsys.readouterr().err.strip().splitlines() or [""])[-1]

    return run


def test_a_good_sweep_gets_to_its_first_training(ends):
    assert ends()[0] == ExitCode.DONE
    assert ends("rounds=0", "--axis", "T_base=0.5")[0] == ExitCode.DONE


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            ["--axis", "max_gen_toks_eval=64,99999"],
            "cell T_eval=0.5 max_gen_toks_eval=99999 seed=0: the longest prompt",
        ),
        (["--model_args", "max_length=100"], "more than the context of demo, 100 tokens"),
        (["--model_args", "dtype=nonsense"], "'nonsense'"),
        (["--model_args", "attn_implementation=flash_attention_2"], "FlashAttention2"),
        (["--model_args", "load_in_4bit=True"], "load_in_4bit"),
        (["--model_args", "batch_size=nonsense"], "--batch_size"),
        (["--model_args", "no_such_argument=1"], "no argument is called 'no_such_argument'"),
        (["--include_path", "/no/such"], "no such folder"),
        (["device=nowhere"], "no device is called 'nowhere'"),
    ],
)
def test_a_bad_value_is_refused(ends, words, reason):
    code, line = ends(*words)
    assert code == ExitCode.USAGE
    assert reason in line


def test_a_folder_that_cannot_be_written_is_refused(ends):
    assert ends(out="/proc/x") == (
        ExitCode.USAGE,
        "ssd-harness: error: --out: cannot write there: No such file or directory [/proc/x]; choose another folder",
    )


def test_a_model_without_a_chat_template_is_refused_where_one_is_asked_for(ends, untemplated_model):
    fields = ["prompts=demo", "prompt_limit=4"]
    assert ends(*fields, model=untemplated_model)[0] == ExitCode.DONE
    code, line = ends(*fields, "--apply_chat_template", model=untemplated_model)
    assert code == ExitCode.USAGE
    assert "has no chat template" in line


@pytest.mark.parametrize(("name", "value"), listed({**BAD_FIELDS, "T_eval": []}))  # T_eval is the axis here
def test_a_bad_field_is_refused(ends, tmp_path, name, value):
    word = value if isinstance(value, str) else json.dumps(value)
    prompts = [f"{field}={path}" for field, path in prompts_for(name, tmp_path).items()]
    assert ends(*prompts, f"{name}={word}")[0] == ExitCode.USAGE
