import dataclasses
from pathlib import Path

import pytest

from ssd_harness.artifacts import registry
from ssd_harness.engines import choice
from ssd_harness.errors import UsageError
from ssd_harness.experiments.cells import Request, make_cells
from ssd_harness.experiments.evaluation import task_options
from ssd_harness.experiments.points import BASE, PRESETS, grid, parse_axis, points
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.resolution import resolve


def test_an_axis_holds_values_of_the_field():
    assert parse_axis("T_train=0.8,1") == ("T_train", [0.8, 1.0])
    assert parse_axis("top_k_eval=none,20") == ("top_k_eval", [None, 20])


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("T_trian=1", "did you mean 'T_train'"),
        ("T_train=a", "expected a number of 0 or more, got 'a'"),
        ("T_train", "an axis is"),
    ],
)
def test_a_wrong_axis_is_one_line(word, says):
    with pytest.raises(UsageError, match=says):
        parse_axis(word)


def test_a_grid_is_every_combination():
    assert grid({"T_train": (1, 2), "T_eval": (3, 4)}, {"filter": "none"}) == [
        {"filter": "none", "T_train": first, "T_eval": second} for first in (1, 2) for second in (3, 4)
    ]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_makes_valid_recipes_and_compares_with_the_base(name):
    made = points([name], {}, resolve("demo").recipe)
    assert made[0]["rounds"] == 0
    for point in made:
        Recipe(**point)


def test_a_given_axis_replaces_the_presets_own_and_multiplies_by_others():
    made = points(["grid"], {"T_eval": [0.5], "n_train": [1, 2]}, Recipe())
    assert made == [
        BASE,
        *[{"T_train": t, "T_eval": 0.5, "n_train": n} for t in (0.7, 1.0, 1.5) for n in (1, 2)],
    ]


def test_the_null_control_trains_on_the_untruncated_distribution_at_its_own_temperature():
    trained = [point for point in points(["null"], {}, resolve("demo").recipe) if "T_train" in point]
    assert trained
    for point in trained:
        assert (point["T_train"], point["top_k_train"], point["top_p_train"]) == (1.0, None, 1.0)


@pytest.fixture
def cells(state, tmp_path):
    def make(*given, seeds=(), **fields):
        return make_cells(
            Request("demo", {"prompt_limit": 4, **fields}, ["livecodebench_mini"], tmp_path), given, seeds
        )

    return make


@pytest.mark.hf
def test_cells_that_read_the_same_are_one(cells):
    # The base model reads no training field and no seed; its own decoding in other words is the same cell.
    own = {"rounds": 0, "T_base": 1.0, "top_k_base": None, "top_p_base": 1.0}
    made = cells({"rounds": 0}, {"rounds": 0, "T_train": 2.0}, own, {}, {"T_eval": 1.4}, seeds=(0, 1))
    assert [cell.label for cell in made] == ["rounds=0", "seed=0", "seed=1"]


@pytest.mark.hf
def test_a_training_is_shared_by_its_decodings_alone(cells):
    made = cells(*grid({"T_train": (1.0, 1.5), "T_eval": (0.5, 1.0)}), seeds=(0, 1))
    trainings = {cell.weights for cell in made}
    assert (len(made), len(trainings)) == (8, 4)
    assert all(f"T_train={cell.recipe.T_train:g}" in cell.label for cell in made)
    assert {cell.plan.fingerprint for cell in made} == trainings


def test_a_registered_checkpoint_is_evaluated_as_it_is(cells, state, tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    recipe = dataclasses.asdict(Recipe(T_train=1.2, seed=5))
    base = {"name": "some/base"}
    registry.register("made", folder, {"fingerprint": "ab", "base": base, "recipe": recipe, "rounds": []})
    request = Request("ssd:made", {}, ["livecodebench_mini"], tmp_path)
    (first, second) = make_cells(request, [{"T_eval": 0.5}, {"T_eval": 1.0}], ())
    assert (first.plan, first.weights, first.recipe.T_train, first.is_base) == (None, "ab", 1.2, False)
    assert first.evaluation.model_args == {"pretrained": "ssd:made", "T_eval": 0.5, "engine": "transformers"}
    assert first.evaluation.folder != second.evaluation.folder
    with pytest.raises(UsageError, match="give rounds=1"):
        make_cells(request, [{"T_train": 0.5}], ())


def test_a_recipe_file_is_read_as_the_words_are(cells, state, tmp_path):
    as_given, from_file = tmp_path / "base.yaml", tmp_path / "other.yaml"
    as_given.write_text("rounds: 0\n")
    from_file.write_text("T_train: 1.3\nT_eval: 0.5\n")
    (cell,) = cells({}, recipe=str(as_given))
    assert (cell.is_base, cell.plan) == (True, None)
    folder = tmp_path / "made"
    folder.mkdir()
    manifest = {"fingerprint": "ab", "base": {}, "recipe": dataclasses.asdict(Recipe(T_train=1.3)), "rounds": []}
    registry.register("made", folder, manifest)
    request = Request("ssd:made", {"recipe": str(from_file)}, ["livecodebench_mini"], tmp_path)
    assert make_cells(request, [{}], ())[0].recipe.T_eval == 0.5
    from_file.write_text("T_train: 1.4\n")
    with pytest.raises(UsageError, match=r"T_train \(file other.yaml\) changes nothing in ssd:made"):
        make_cells(request, [{}], ())


def test_a_base_that_is_asked_to_think_harder_is_another_cell(cells):
    folders = {cells({"rounds": 0}, reasoning_effort=effort)[0].evaluation.folder for effort in ("low", "high", None)}
    assert len(folders) == 3


@pytest.mark.hf
def test_another_recipe_or_extent_is_another_folder(cells, tmp_path):
    (one,), (other,) = cells({}), cells({}, steps=7)
    assert one.evaluation.folder != other.evaluation.folder
    (few,) = make_cells(Request("demo", {"prompt_limit": 4}, ["livecodebench_mini"], tmp_path, limit=3), [{}], ())
    assert few.evaluation.folder != one.evaluation.folder
    assert few.evaluation.words[-2:] == ["--limit", "3"]


@pytest.mark.hf
def test_tasks_of_others_are_told_a_decoding_only_where_one_is_asked_for(tmp_path, state):
    options = task_options("tasks", apply_chat_template=True)
    request = Request("demo", {"prompt_limit": 4}, ["livecodebench_mini", "sums"], tmp_path, options=options)
    points = [{}, {"T_eval": 1.4}, {"rounds": 0}, {"rounds": 0, "T_base": 0, "top_k_base": None}]
    made = make_cells(request, points, ())
    told = {"do_sample": True, "temperature": 1.4, "top_k": 20, "top_p": 0.8}
    greedy = {"do_sample": False, "temperature": 0.0, "top_k": 0, "top_p": 1.0}  # demo's own
    # The demo's own T_eval is 1.4: asked for or not, it is one cell of ours and two of others.
    assert [cell.evaluation.gen_kwargs for cell in made] == [{}, {}, {}, {}, told, {}, greedy]
    words = made[4].evaluation.words
    folder = str(Path.cwd() / "tasks")
    assert words[-5:-2] == ["--include_path", folder, "--apply_chat_template"]
    assert words[-1] == "do_sample=True,temperature=1.4,top_k=20,top_p=0.8"


@pytest.mark.hf
def test_the_engine_names_the_class_that_evaluates(tmp_path, state, monkeypatch):
    monkeypatch.setattr(choice, "installed_vllm", lambda: choice.InstalledVllm("vllm 9", for_cpu=True))
    made = {}
    for engine in ("transformers", "vllm"):
        fields = {"prompt_limit": 4, "engine": engine}
        (cell,) = make_cells(Request("demo", fields, ["livecodebench_mini"], tmp_path), [{}], ())
        assert cell.evaluation.model_args["engine"] == engine
        made[cell.evaluation.model] = cell
    assert list(made) == ["ssd-hf", "ssd-vllm"]
    assert made["ssd-hf"].evaluation.folder != made["ssd-vllm"].evaluation.folder


@pytest.mark.hf
def test_what_the_model_class_is_told_reaches_every_evaluation(tmp_path, state):
    told = {"tensor_parallel_size": "8", "batch_size": "4"}
    common = ("demo", {"prompt_limit": 4, "sampler": "vllm"}, ["livecodebench_mini"], tmp_path)
    for point in ({}, {"rounds": 0}):
        (one,) = make_cells(Request(*common, model_args=told), [point], ())
        words = one.evaluation.words
        assert "tensor_parallel_size=8" in words[words.index("--model_args") + 1]
        assert "batch_size" not in words[words.index("--model_args") + 1]
        assert words[words.index("--batch_size") + 1] == "4"
        (other,) = make_cells(Request(*common), [point], ())
        assert one.evaluation.folder != other.evaluation.folder
