import csv
import io
import json

import pytest

from ssd_harness.experiments import table
from ssd_harness.experiments.cells import Cell
from ssd_harness.experiments.evaluation import Evaluation
from ssd_harness.recipe.definition import Recipe

ABOUT = {"command": "ssd-harness sweep m", "cells": 3, "unfinished": 1}


@pytest.fixture
def cell(tmp_path):
    """Write the results of one evaluation as lm_eval does: ``passed`` of 10 programs for each problem."""

    def make(point, seed, passed, decode=(1.0, None, 1.0), task="t", metrics=None, rounds=None, own=None, data=None):
        recipe = Recipe(seed=seed, **point)
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        (folder / "m").mkdir(parents=True)
        evaluation = Evaluation(folder, "ssd-hf", {}, task)
        metrics = metrics or {"pass@1,none": 0.0, "pass@5,none": 0.0}
        decoding = dict(zip(("temperature", "top_k", "top_p"), decode, strict=True))
        drawn = {"generations": {"decoding": {} if own else {task: decoding}}}
        about = {"ssd": drawn | ({"rounds": [{}] * rounds} if rounds else {})}
        results = {"results": {task: metrics}, "config": about, "configs": {task: {"generation_kwargs": own}}}
        results["configs"][task]["metadata"] = {"ssd_harness": {"data": data}}
        (folder / "m" / "results_1.json").write_text(json.dumps(results))
        rows = [
            {
                "doc": {"question_id": f"q{number}", "difficulty": "easy"},
                "filtered_resps": [json.dumps({"passed": index < count, "verdict": "AC"}) for index in range(10)],
            }
            for number, count in enumerate(passed)
        ]
        (folder / "m" / "samples_t_1.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "evaluation.json").write_text("{}")
        return Cell(point, recipe, None, evaluation, "")

    return make


def test_seeds_are_put_together_and_their_spread_is_told(cell):
    base = cell({"rounds": 0}, 0, [1, 0, 3])
    seeds = [cell({"T_train": 1.2}, seed, passed, (0.5, 20, 0.8)) for seed, passed in enumerate(([2, 2, 2], [4, 4, 4]))]
    first, second = table.rows([base, *seeds])
    assert (first.train, first.seeds, first.spread, first.difference) == (None, (), {}, {})
    assert first.pass_at[1].mean == pytest.approx(4 / 30)
    assert second.seeds == (0, 1)
    assert second.pass_at[1].mean == pytest.approx(0.3)
    assert second.by_seed[1] == pytest.approx((0.2, 0.4))
    assert second.spread[1] == pytest.approx(0.2**0.5 * 0.1**0.5)
    assert second.difference[1].mean == pytest.approx(0.3 - 4 / 30)
    assert second.t_eff == pytest.approx(0.6)


def test_each_round_tempers_once_more(cell):
    cooled = [cell({"T_train": 0.8, "rounds": number}, 0, [1], (0.5, 20, 0.8), rounds=number) for number in (1, 2, 3)]
    found = table.rows([cell({"rounds": 0}, 0, [1], (0.7, 20, 0.8)), *cooled])
    assert [row.t_eff for row in found] == pytest.approx([0.7, 0.4, 0.32, 0.256])
    markdown = table.as_markdown(found, {}, ABOUT)
    assert "| 0.8 / 20 / 0.8 | 0.5 / 20 / 0.8 | 0.26 |" in markdown
    assert "T_eff = T_train^rounds * T_eval" in markdown
    assert "T_train^rounds" not in table.as_markdown(found[:2], {}, ABOUT)
    # Results of another model class do not say it, but nothing was chosen.
    assert table.rows([cell({"T_train": 0.8, "rounds": 2}, 0, [1])])[0].t_eff == pytest.approx(0.64)


def test_the_three_forms_hold_the_same_figures(cell):
    found = table.rows(
        [cell({"rounds": 0}, 0, [1, 1]), cell({"T_train": 1.2, "filter": "none"}, 0, [5, 5], (0.5, 20, 0.8))]
    )
    markdown = table.as_markdown(found, {"T_train=2 seed=0": "training: no luck"}, ABOUT)
    assert "| base | - | 1 / none / 1 | 1.00 | 10.0 [10.0, 10.0] | 50.0 [50.0, 50.0] | - | - |" in markdown
    assert "| SSD filter=none | 1.2 / 20 / 0.8 | 0.5 / 20 / 0.8 | 0.60 | 50.0 [50.0, 50.0]" in markdown
    assert "- failed: T_train=2 seed=0: training: no luck" in markdown
    assert "1 of 3 cells are not finished" in markdown
    lines = list(csv.DictReader(io.StringIO(table.as_csv(found))))
    assert [float(line["pass@1"]) for line in lines] == pytest.approx([0.1, 0.5])
    assert lines[1]["field_filter"] == "none"
    rows = json.loads(table.as_json(found, {}, ABOUT))["rows"]
    assert [row["pass_at"]["1"]["mean"] for row in rows] == pytest.approx([0.1, 0.5])


def test_other_tasks_show_their_own_metrics(cell):
    metrics = {"exact_match,strict": 0.25, "exact_match_stderr,strict": 0.05, "alias": "x", "sample_len": 4}
    found = table.rows([cell({"rounds": 0}, 0, [1], metrics=metrics)])
    assert found[0].metrics == {"exact_match": (0.25, 0.05)}
    assert "0.25 ± 0.05" in table.as_markdown(found, {}, ABOUT)
    others = [cell({"T_train": 1.2}, seed, [1], metrics={"exact_match,strict": 0.1 * (seed + 1)}) for seed in (0, 1)]
    found = table.rows(others)
    assert found[0].metric_spread == {"exact_match": pytest.approx(0.02**0.5 / 2)}
    markdown = table.as_markdown(found, {}, ABOUT)
    assert "| exact_match | sd over seeds, exact_match |" in markdown
    assert "| 0.15 | 0.071 |" in markdown
    assert next(csv.DictReader(io.StringIO(table.as_csv(found))))["exact_match_sd_over_seeds"].startswith("0.0707")


def test_the_decoding_of_other_tasks_is_told_as_far_as_it_is_known(cell):
    metrics = {"exact_match,none": 0.5}
    whole = {"do_sample": True, "temperature": 0.5, "top_k": 0, "top_p": 0.8}
    told = cell({"T_eval": 0.5}, 0, [1], task="u", metrics=metrics, own=whole)
    untold = cell({"T_train": 1.2, "T_eval": 0.9}, 0, [1], task="u", metrics=metrics, own={"until": []})
    half = cell({"T_train": 1.3}, 0, [1], task="u", metrics=metrics, own={"temperature": 1.0, "top_k": 5})
    greedy = cell({"T_train": 1.4}, 0, [1], task="u", metrics=metrics, own={"do_sample": False, "temperature": 1.0})
    found = table.rows([told, untold, half, greedy])
    assert [row.decode for row in found] == [(0.5, None, 0.8), None, (1.0, 5, "default"), (0.0, None, 1.0)]
    assert found[1].t_eff is None
    markdown = table.as_markdown(found, {}, ABOUT)
    assert "| 0.5 / none / 0.8 | 0.75 | 0.5 |" in markdown
    assert "| SSD T_eval=0.9 | 1.2 / 20 / 0.8 | the task's own | - | 0.5 |" in markdown
    assert "| 1.3 / 20 / 0.8 | 1 / 5 / default | 1.30 | 0.5 |" in markdown
    assert "default: a third-party task leaves it to the model" in markdown


def test_what_is_not_finished_is_no_row(cell):
    one = cell({}, 0, [1])
    (one.evaluation.folder / "evaluation.json").unlink()
    assert table.rows([one]) == []
    assert "nothing is finished" in table.as_markdown([], {}, ABOUT)


def test_a_point_measured_on_other_data_is_marked_in_all_three_forms(cell):
    part = {"official": False, "data_source": "folder"}
    found = table.rows([cell({"rounds": 0}, 0, [1]), cell({"T_train": 1.2}, 0, [1], data=part)])
    markdown = table.as_markdown(found, {}, ABOUT)
    assert "| SSD (not the official data) |" in markdown
    assert "| base |" in markdown
    assert [row["official"] for row in json.loads(table.as_json(found, {}, ABOUT))["rows"]] == [True, False]
    assert [line["official"] for line in csv.DictReader(io.StringIO(table.as_csv(found)))] == ["", "False"]
    other_task = table.rows([cell({"rounds": 0}, 0, [1], metrics={"acc,none": 0.5}, data=part)])
    assert not other_task[0].official
