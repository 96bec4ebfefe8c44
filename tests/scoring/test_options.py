import pytest

from ssd_harness.errors import UsageError
from ssd_harness.scoring.options import ScoringOptions, evaluation_options


def test_defaults_and_strings_from_the_command_line(monkeypatch):
    monkeypatch.delenv("SSD_HARNESS_SANDBOX", raising=False)
    options = evaluation_options({"repeats": "20", "judge": "stdio", "window": "v5"}, strict=True)
    assert (options.repeats, options.scoring.judge, options.window, options.release) == (20, "stdio", "v5", None)
    assert options.scoring.sandbox_name == "docker"
    assert evaluation_options({}, strict=True).repeats == 10


def test_the_sandbox_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("SSD_HARNESS_SANDBOX", "process")
    assert ScoringOptions().sandbox_name == "process"
    assert ScoringOptions(sandbox="docker").sandbox_name == "docker"


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"windo": "v6"}, "did you mean 'window'"),
        ({"zzz": 1}, "known keys"),
        ({"repeats": 0}, "option repeats: expected a positive integer, got 0"),
        ({"repeats": "many"}, "option repeats: expected a positive integer, got 'many'"),
        ({"workers": -1}, "option workers: expected a positive integer, got -1"),
        ({"judge": "mine"}, "expected lcb or stdio, got 'mine'"),
        ({"tests": "some"}, "expected all, public or private, got 'some'"),
        ({"window": 6}, "option window: expected text, got 6"),
        ({"prompt": "official"}, "no prompt style is called"),
        ({"allow_overlap": "perhaps"}, "true or false"),
    ],
)
def test_what_makes_no_sense_is_refused(metadata, reason):
    with pytest.raises(UsageError, match=reason):
        evaluation_options(metadata, strict=True)


def test_model_arguments_among_the_metadata_are_none_of_our_business():
    merged = {"pretrained": "m", "dtype": "float32", "judge": "stdio", "version": 1.0}
    assert evaluation_options(merged, strict=False).scoring.judge == "stdio"
