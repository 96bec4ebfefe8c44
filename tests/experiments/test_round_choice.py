import pytest

from ssd_harness import evaluation_request
from ssd_harness.evaluation_request import EvaluationRequest
from ssd_harness.experiments.rounds import CHOICE, Score, best, chosen_on
from ssd_harness.models import subject
from ssd_harness.registry import Checkpoint


def scores(*values, error=0.02):
    return [Score(number, f"ssd:m-r{number}", value, error, "") for number, value in enumerate(values, start=1)]


@pytest.mark.parametrize(
    ("values", "min_gain", "round_number"),
    [
        ((0.2,), None, 1),
        ((0.2, 0.21, 0.215), None, 1),  # within one standard error of the first
        ((0.2, 0.21, 0.23), None, 3),  # the gain is against the round that is held, not the last
        ((0.2, 0.3, 0.25), None, 2),
        ((0.2, 0.21), 0.0, 2),
        ((0.2, 0.2), 0.0, 1),  # no gain is no gain
        ((0.2, 0.25), 0.05, 1),
        ((0.3, 0.1, 0.2), None, 1),
    ],
)
def test_a_round_takes_over_only_with_a_gain_that_counts(values, min_gain, round_number):
    assert best(scores(*values), min_gain) == round_number


def test_a_metric_without_an_error_is_compared_as_it_is():
    assert best(scores(0.2, 0.2001, error=None), None) == 2


def test_an_evaluation_on_the_task_of_the_choice_is_warned_of(tmp_path, capsys):
    choice = {"task": "mini", "metric": "m", "rounds": [{}, {}], "chosen": 1}
    checkpoint = Checkpoint("it", tmp_path, {CHOICE: choice})
    said = []
    for task in ("mini", "other"):
        token = evaluation_request.begin(EvaluationRequest(tasks=(task,)))
        subject._tell_choice(checkpoint)
        evaluation_request.end(token)
        said.append(capsys.readouterr().err)
    assert all("round 1 of 2, chosen on mini by m" in line for line in said)
    assert ["biased upwards" in line for line in said] == [True, False]


def test_only_a_choice_is_told():
    choice = {"task": "t", "metric": "m", "rounds": [{}, {}], "chosen": 2}
    assert chosen_on({CHOICE: choice}) == "round 2 of 2, chosen on t by m"
    assert chosen_on({CHOICE: {**choice, "chosen": None}}) is None
    assert chosen_on({}) is None
