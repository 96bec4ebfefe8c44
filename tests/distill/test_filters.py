"""Which samples each filter keeps, what it says about the others, and what a killed filter does again."""

import json

import pytest

from ssd_harness.artifacts import shards
from ssd_harness.distill import filtering, filters
from ssd_harness.distill.job import Job
from ssd_harness.distill.parsing import Parser
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.extensions.contracts import Candidate, Prompt, PromptTests, Sample
from ssd_harness.prompts import prompt_set
from ssd_harness.recipe.definition import Recipe

SUM = {
    "prompt": "Add two\nnumbers.",
    "tests": [{"input": "1 2\n", "output": "3\n"}, {"input": "5 5\n", "output": "10\n"}],
}
TWICE = {
    "prompt": "Write twice(n).",
    "tests": {"inputs": [[2], [-1]], "outputs": [4, -2], "fn_name": "twice"},
}
UNTESTED = {"prompt": "Print hello."}


def fenced(code):
    return f"Here it is:\n```python\n{code}\n```\nDone."


def sample(text, prompt="p", index=0):
    return Sample(prompt, index, (1,), tuple(range(2, 2 + len(text) % 7 + 1)), text, "eos")


def decide(word, *texts):
    prompt = Prompt("p", (("user", "?"),))
    candidates = [Candidate(prompt, sample(text)) for text in texts]
    return list(filters.make_filter(Recipe(filter=word))(candidates))


@pytest.fixture
def job(state, tmp_path):
    """Store prompts and one sample each; return the job of a filter stage."""

    def make(rows, texts, size=2, **fields):
        source = tmp_path / "prompts.jsonl"
        source.write_text("".join(json.dumps({"id": f"p{n}", **row}) + "\n" for n, row in enumerate(rows)))
        recipe = Recipe(prompts=str(source), **fields)
        stored = prompt_set.collect(recipe)
        folder = tmp_path / "sample"
        folder.mkdir(exist_ok=True)
        drawn = [sample(text, f"p{n}") for n, text in enumerate(texts)]
        parts = [drawn[start : start + size] for start in range(0, len(drawn), size)]
        for number, part in enumerate(parts):
            shards.write_shard(folder, number, part)
        shards.write_manifest(folder, {"shards": len(parts)})
        (tmp_path / "filter").mkdir(exist_ok=True)
        return Job("filter", recipe, tmp_path, stored.path, stored.count, 0, folder)

    return make


def run(job, tmp_path):
    manifest = filtering.run(job, tmp_path / "filter", lambda *_: None)
    kept = []
    for number in range(manifest["shards"]):
        kept += [one.prompt_id for one in shards.read_shard(shards.shard_path(tmp_path / "filter", number))]
    return kept, manifest


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", False),
        (" \n\n ", False),
        ("pass", False),
        ("  just a line\n", False),
        ("```python\nx\n```", True),
        ("a\nb", True),
    ],
)
def test_the_stub_filter_drops_empties_and_single_lines(text, kept):
    assert decide("stub", text) == [None if kept else "empty or one line"]
    assert decide("none", text) == [None]


def test_the_shortest_percent_of_the_whole_set_goes():
    texts = ["x" * length for length in (9, 2, 5, 3, 8, 7, 6, 4, 10, 11)]
    assert [bool(reason) for reason in decide("shortest-percent", *texts)] == [n == 1 for n in range(10)]
    dropped = [n for n, reason in enumerate(decide("shortest-percent:35", *texts)) if reason]
    assert dropped == [1, 3, 7]  # 3.5 is rounded down
    assert decide("shortest-percent:10", *texts[:9]) == [None] * 9


def test_the_shortest_percent_counts_stripped_text_apart_from_empties_and_keeps_ties():
    texts = ["", " \n", *("  " + "x" * length + "\n\n" for length in (3, 3, 5, 6, 7, 8, 9, 10, 11, 12))]
    assert decide("shortest-percent:10", *texts) == ["empty", "empty", *[None] * 10]
    assert decide("shortest-percent:20", *texts) == ["empty"] * 2 + ["among the shortest 20 %"] * 2 + [None] * 8
    assert decide("shortest-percent:10", "", " ") == ["empty", "empty"]


def test_zero_percent_drops_nothing():
    texts = ["x" * length for length in (9, 3, 5)]
    assert decide("shortest-percent:0", *texts) == [None] * 3


@pytest.mark.parametrize(
    "word",
    ["stub:1", "none:x", "parses:3", "executes:lcb", "passes-tests:x", "shortest-percent:x", "shortest-percent:100"],
)
def test_an_argument_that_means_nothing_is_refused(word):
    with pytest.raises(UsageError):
        filters.make_filter(Recipe(filter=word))


@pytest.mark.process
def test_parses_compiles_what_the_evaluation_would_judge_and_survives_it():
    deep = "x = " + "(" * 200_000 + ")" * 200_000
    crash = "x = " + "-" * 500_000 + "1"
    texts = [
        fenced("print(1)"),
        fenced("print(1"),
        fenced("return 1"),  # parsed, but no program
        "no fence at all",
        fenced(deep),
        fenced(crash),
        fenced("import os\nos.abort()"),  # compiled, never run
        fenced("\ud800"),
    ]
    bad = "does not parse"
    assert decide("parses", *texts) == [None, bad, bad, "no program", bad, bad, None, bad]


@pytest.mark.process
def test_a_parser_process_that_dies_is_replaced():
    with Parser() as parser:
        assert parser.accepts("a = 1")
        parser._child.kill()
        parser._child.wait()
        assert parser.accepts("a = 1")
        child = parser._child
    assert child.poll() is not None


def test_reasons_are_counted_and_shards_keep_their_order(job, tmp_path):
    kept, manifest = run(job([{"prompt": f"q{n}"} for n in range(5)], ["a\nb", "c", "d\ne", "", "f\ng"]), tmp_path)
    assert kept == ["p0", "p2", "p4"]
    assert (manifest["kept"], manifest["dropped"], manifest["reasons"]) == (3, 2, {"empty or one line": 2})


def test_a_whole_set_filter_sees_all_shards_and_a_second_run_decides_alike(job, tmp_path):
    work = job(
        [{"prompt": f"q{n}"} for n in range(6)], ["x" * n for n in (5, 1, 6, 2, 3, 4)], filter="shortest-percent:50"
    )
    assert run(work, tmp_path)[0] == ["p0", "p2", "p5"]
    shards.shard_path(tmp_path / "filter", 1).unlink()
    assert run(work, tmp_path)[0] == ["p0", "p2", "p5"]


def test_decided_shards_are_not_decided_again(job, tmp_path, monkeypatch):
    work = job([{"prompt": f"q{n}"} for n in range(6)], ["a\nb"] * 6)
    run(work, tmp_path)
    shards.shard_path(tmp_path / "filter", 1).unlink()
    asked = []

    def watching(argument, recipe):
        return filters.keep_if(lambda candidate: not asked.append(candidate.prompt.id), "never")

    monkeypatch.setattr(filters.plugin_manager, "lookup", lambda kind, name: kind(name, watching))
    kept, manifest = run(work, tmp_path)
    assert asked == ["p2", "p3"]
    assert len(kept) == manifest["kept"] == 6


def test_a_filter_that_skips_samples_is_an_error(job, tmp_path, monkeypatch):
    work = job([{"prompt": f"q{n}"} for n in range(4)], ["a\nb"] * 4)
    monkeypatch.setattr(
        filters.plugin_manager, "lookup", lambda kind, name: kind(name, lambda *_: lambda candidates: iter([None]))
    )
    with pytest.raises(InfrastructureError, match="decided on 1 of 2 samples"):
        run(work, tmp_path)


def test_all_dropped_says_why(job, tmp_path):
    with pytest.raises(InfrastructureError, match=r"dropped all 2 samples \(2 empty or one line\)"):
        run(job([{"prompt": "a"}, {"prompt": "b"}], ["x", "y"]), tmp_path)


# Tests of prompts


def test_tests_are_stored_only_where_the_filter_asks_for_them(job):
    plain, tested = job([SUM], ["x"]), job([SUM], ["x"], filter="passes-tests")
    (one,), (two,) = prompt_set.read_prompts(plain.prompts), prompt_set.read_prompts(tested.prompts)
    assert one.tests is None
    assert two.tests == PromptTests(("1 2\n", "5 5\n"), ("3\n", "10\n"))
    assert plain.prompts.read_bytes() == job([{"prompt": SUM["prompt"]}], ["x"]).prompts.read_bytes()
    other = {**SUM, "tests": [{"input": "1 2\n", "output": "4\n"}]}
    assert job([other], ["x"], filter="passes-tests").prompts != tested.prompts


@pytest.mark.parametrize(
    ("row", "tests"),
    [
        ({"tests": json.dumps(SUM["tests"])}, PromptTests(("1 2\n", "5 5\n"), ("3\n", "10\n"))),
        (
            {"input_output": {"inputs": ["1", ["2", "3"]], "outputs": ["1", "2\n"]}},
            PromptTests(("1", "2\n3"), ("1", "2\n")),
        ),
        (TWICE, PromptTests(("2", "-1"), ("4", "-2"), "twice")),
        (
            {"test_cases": [{"input": '"a"\n[1]', "output": "b"}], "function": "f"},
            PromptTests(('"a"\n[1]',), ('"b"',), "f"),
        ),
        ({"tests": []}, None),
        ({}, None),
    ],
)
def test_tests_are_read_in_the_shapes_that_data_sets_have(job, row, tests):
    (prompt,) = prompt_set.read_prompts(job([{"prompt": "q", **row}], ["x"], filter="passes-tests").prompts)
    assert prompt.tests == tests


@pytest.mark.parametrize(
    "tests", ["not json", {"inputs": ["1"]}, {"inputs": ["1"], "outputs": []}, [{"input": 1, "output": "x"}], [3], 7]
)
def test_tests_of_another_shape_name_the_row(job, tests):
    with pytest.raises(UsageError, match=r"prompts\.jsonl, line 1"):
        job([{"prompt": "q", "tests": tests}], ["x"], filter="passes-tests")
    job([{"prompt": "q", "tests": tests}], ["x"])  # nobody asks


def test_a_named_column_must_be_there(job):
    with pytest.raises(UsageError, match="no column 'cases'"):
        job([SUM], ["x"], filter="executes", tests_column="cases")


def test_the_demo_prompts_have_tests_with_the_example_first(state):
    recipe = Recipe(prompts="demo", prompt_limit=12, filter="passes-tests")
    prompts = list(prompt_set.collect(recipe))
    assert all(prompt.tests and len(prompt.tests.inputs) > 1 for prompt in prompts)
    assert all(prompt.tests.inputs[0].split("\n")[0] in prompt.text for prompt in prompts)
    plain = prompt_set.collect(Recipe(prompts="demo", prompt_limit=12))
    assert [prompt.text for prompt in plain] == [prompt.text for prompt in prompts]


# What runs programs

PROGRAMS = [
    (SUM, "print(sum(map(int, input().split())))"),
    (SUM, "print(3)"),
    (SUM, "print(input().upper())\n1 / 0"),
    (SUM, "while True: pass"),
    (TWICE, "class Solution:\n    def twice(self, n):\n        return 2 * n"),
    (UNTESTED, "print('hello')"),
    (UNTESTED, "print(input())"),
    (SUM, ""),
]


@pytest.mark.docker
def test_executes_keeps_what_ends_well_on_the_example_or_on_nothing(job, tmp_path, docker_sandbox):
    rows, texts = (
        [row | {"prompt": f"{row['prompt']} {n}"} for n, (row, _) in enumerate(PROGRAMS)],
        [fenced(code) for _, code in PROGRAMS],
    )
    kept, manifest = run(job(rows, texts, size=3, filter="executes"), tmp_path)
    assert kept == ["p0", "p1", "p4", "p5"]
    assert manifest["reasons"] == {"RE": 2, "TLE": 1, "no program": 1}
    assert manifest["execution"]["prompts_with_tests"] == 6
    assert manifest["execution"]["prompts_without_tests"] == "2: their programs run on empty standard input"
    assert manifest["execution"]["sandbox"]["sandbox"] == "docker"


@pytest.mark.docker
def test_passes_tests_keeps_what_is_right_on_all_of_them(job, tmp_path, docker_sandbox):
    rows, texts = (
        [row | {"prompt": f"{row['prompt']} {n}"} for n, (row, _) in enumerate(PROGRAMS)],
        [fenced(code) for _, code in PROGRAMS],
    )
    kept, manifest = run(job(rows, texts, size=3, filter="passes-tests"), tmp_path)
    assert kept == ["p0", "p4"]
    assert manifest["reasons"] == {"no tests": 2, "RE": 1, "TLE": 1, "WA": 1, "no program": 1}


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.hf
def test_all_that_is_made_from_chosen_programs_is_called_a_verified_variant(
    distiller, plugin, docker_sandbox, monkeypatch
):
    pytest.importorskip("trl")
    from ssd_harness.artifacts import registry
    from ssd_harness.harness.models.model_under_test import prepare_model

    tested = distiller.folder / "tested.jsonl"
    cases = [{"input": "1 2\n", "output": "3\n"}]
    tested.write_text(
        "".join(json.dumps({"id": f"p{n}", "prompt": f"Add {n}", "tests": cases}) + "\n" for n in range(6))
    )
    quick = {"sampler": "coding", "trainer": "copying", "prompts": tested}
    code, _, err = distiller.run("verified", plugin, **quick, filter="passes-tests", name="chosen")
    assert code == 0, err
    assert err.index("verified variant: ") < err.index("sample: ")
    home = distiller.folder / "verified"
    manifest = json.loads((home / "models" / "chosen" / "ssd_manifest.json").read_text())
    assert manifest["variant"] == "verified variant"
    assert manifest["rounds"][0]["filter"]["reasons"] == {"WA": 2}

    # A child made without any execution is one too; so is what is trained on from its folder.
    distiller_model, distiller.model = distiller.model, "ssd:chosen"
    try:
        code, _, err = distiller.run("verified", plugin, **quick, filter="none", name="child")
    finally:
        distiller.model = distiller_model
    assert code == 0, err
    assert "verified variant" in err
    monkeypatch.setenv("SSD_HARNESS_HOME", str(home))
    assert registry.get("child").verified
    for pretrained, rounds in (
        ("ssd:child", {}),
        ("ssd:child", {"rounds": 0}),
        (str(registry.get("child").path), {"rounds": 0}),
    ):
        assert prepare_model(pretrained, rounds).about["variant"] == "verified variant"


def test_what_a_filter_needs_is_missed_before_anything_is_sampled(distiller):
    nowhere = {"DOCKER_HOST": "tcp://127.0.0.1:1", "SSD_HARNESS_SANDBOX": "docker"}
    code, _, err = distiller.run("engine", nowhere, filter="executes")
    assert code == 3, err
    assert "docker" in err.rstrip().splitlines()[-1].lower()
    code, _, err = distiller.run("engine", nowhere, filter="passes-tests")
    assert code == 2
    assert "none has any" in err.rstrip().splitlines()[-1]
    assert not (distiller.folder / "engine" / "training").exists()
