from importlib.util import find_spec

import pytest

from ssd_harness import crash_log


def raised_in(module):
    """An exception with a traceback through a function of ``module``."""
    names = {"__name__": module}
    exec("def fail():\n    raise ValueError", names)
    with pytest.raises(ValueError) as caught:
        names["fail"]()
    return caught.value


@pytest.mark.parametrize("module", [*crash_log.WRAPPERS, f"{crash_log.WRAPPERS[0]}.evaluation", "lm_eval.evaluator"])
def test_an_error_below_a_wrapper_around_lm_eval_is_not_ours(module):
    assert not crash_log.is_ours(raised_in(module))


@pytest.mark.parametrize("module", ["ssd_harness", "ssd_harness.judge.trial", "ssd_harness.plugins.builtin"])
def test_an_error_below_other_code_of_this_package_is_ours(module):
    assert crash_log.is_ours(raised_in(module))


def test_every_wrapper_exists():
    assert all(find_spec(name) for name in crash_log.WRAPPERS)
