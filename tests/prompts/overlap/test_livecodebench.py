"""The rule for LiveCodeBench's problems: on texts made up here, and with the figures that were measured on its rows."""

import random
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prompts.overlap.leaks import LIGHT, leaks

from ssd_harness.errors import InfrastructureError
from ssd_harness.prompts.overlap import build_table, livecodebench, ngrams, sketch
from ssd_harness.prompts.overlap.search import EvaluatedText, search
from ssd_harness.prompts.overlap.story import prose, prose_ngrams, story

WINDOWS = {"v6": ("2025-02", "2025-05"), "v5": ("2024-08", "2025-02")}


def hits(index, text):
    numbers = prose_ngrams((text,))
    return {hit.problem for hit in index.hits(numbers, np.zeros(len(numbers), np.int64))}


def test_a_story_ends_where_formats_begin():
    text = "There are N frogs on a long river bank.\nEach of them sleeps.\n\nInput\n\nThe input has numbers.\n\n**Sample Input 1**\n\n3"
    assert story(text) == "There are N frogs on a long river bank.\nEach of them sleeps.\n"
    assert prose(r"Let $a_i \leq 10^{9}$ be \textbf{the Frog2 count} of x, 数") == [
        "let",
        "be",
        "the",
        "count",
        "of",
        "数",
    ]
    only_samples = "Add.\nInput:\nThe numbers a and b stand in a line.\nOutput\nTheir sum."
    assert story(only_samples) == only_samples
    assert (
        story("Count the input values that are larger than the output")
        == "Count the input values that are larger than the output"
    )


@pytest.fixture(scope="module")
def stories():
    rng = random.Random(0)
    vocabulary = ["".join(rng.choices("abcdefghijklmnop", k=6)) for _ in range(500)]
    rows = [
        (f"q{k}", f"You are given a list of numbers. {' '.join(rng.choices(vocabulary, k=60))}.") for k in range(40)
    ]
    rows += [
        ("short", "Add them up now please, Bob."),
        ("empty", "1 + 1"),
    ]
    return livecodebench.read(livecodebench.count(rows)), dict(rows)


def test_a_story_is_found_by_enough_of_it_however_it_is_wrapped(stories):
    known, rows = stories
    text = rows["q7"]
    assert known.nearest([text]) == ("q7", 1.0)
    assert known.nearest(["Write a program.", f"Please!\n{text.upper()}\nThanks."]) == ("q7", 1.0)
    half = " ".join(text.split()[:38])
    assert known.nearest([half])[0] == "q7"
    assert 0.4 < known.nearest([half])[1] < 0.6
    assert known.nearest([" ".join(text.split()[:16])]) is None
    assert known.nearest(["You are given a list of words. Sort the list of words by their length."]) is None


def test_a_short_story_needs_nearly_all_of_it_and_one_without_words_is_never_found(stories):
    known, rows = stories
    assert known.nearest([rows["short"]]) == ("short", 1.0)
    assert known.nearest(["Add them up, Bob."]) is None
    assert known.nearest(["1 + 1", ""]) is None
    assert known.nearest([]) is None


def test_problems_that_the_table_does_not_have_are_told_by_the_same_rule(stories):
    known, rows = stories
    fresh = "A beaver builds seven dams along one river while eight otters steal sticks every night from the last dam."
    index = known.of([rows["q3"], fresh])
    assert hits(index, f"Solve this: {fresh}") == {1}
    assert hits(index, rows["q3"]) == {0}
    assert hits(index, rows["q4"]) == set()


@settings(max_examples=30, deadline=None)
@given(st.text("ab. \nÄß数\\", max_size=300), st.integers(20, 60))
def test_a_long_text_read_in_pieces_has_the_same_words(text, size):
    text = " ".join(text.split())
    plain = ngrams.words(text)
    numbers, number = np.unique(ngrams.ngrams(plain, 4)), ngrams.whole(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngrams, "_PIECE", size)
        longest = max(map(len, text.split()), default=0)
        if longest < size:
            assert np.array_equal(ngrams.distinct([text], 4), numbers)
            assert ngrams.whole(text) == number


def test_a_very_long_prompt_takes_memory_like_its_text_and_not_like_its_words():
    text = " ".join(f"word{number % 5000} and more" for number in range(60_000))
    tracemalloc.start()
    try:
        prose_ngrams((text,))
        assert tracemalloc.get_traced_memory()[1] < 8 * len(text)  # its words as a list take 25 times that
    finally:
        tracemalloc.stop()


def test_many_prompts_that_hold_everything_are_looked_up_in_little_memory():
    known = livecodebench.shipped()
    numbers = np.tile(known.index.numbers, 40)
    rows = np.repeat(np.arange(40), len(known.index.numbers))
    tracemalloc.start()
    try:
        found = known.index.hits(numbers, rows)
        assert tracemalloc.get_traced_memory()[1] < 400e6
    finally:
        tracemalloc.stop()
    assert Counter(hit.row for hit in found).keys() == set(range(40))


def test_the_shipped_table_holds_numbers_alone_and_says_how_many_rows_it_was_made_from():
    with np.load(livecodebench.FILE, allow_pickle=False) as table:
        assert set(table.files) == {*livecodebench._PARTS}
        assert all(table[name].dtype.kind in "ui" for name in table.files)
        assert int(table["statements"]) == 1053 == len(livecodebench.shipped().ids)
    assert livecodebench.FILE.stat().st_size < 0.7e6
    assert all(len(name) < 20 and " " not in name for name in livecodebench.shipped().ids)


def test_a_broken_table_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(livecodebench, "FILE", tmp_path / "t.npz")
    (tmp_path / "t.npz").write_bytes(b"PK broken")
    with pytest.raises(InfrastructureError, match="reinstall ssd-harness"):
        livecodebench.shipped.__wrapped__()


@pytest.fixture(scope="module")
def lcb_rows(lcb_fixtures):
    import json

    rows = []
    for file in sorted((lcb_fixtures / "code_generation_lite").glob("test*.jsonl")):
        with file.open() as lines:
            rows += map(json.loads, lines)
    return rows


@pytest.mark.lcb
def test_the_script_makes_the_shipped_table_from_the_rows(lcb_fixtures, tmp_path, capsys):
    build_table.main([str(lcb_fixtures / "code_generation_lite"), "--to", str(tmp_path / "t.npz")])
    assert "1,053 rows" in capsys.readouterr().out
    with np.load(livecodebench.FILE) as shipped, np.load(tmp_path / "t.npz") as made:
        assert all(np.array_equal(shipped[name], made[name]) for name in livecodebench._PARTS)


@pytest.mark.lcb
@pytest.mark.parametrize(("window", "older", "light", "every"), [("v6", 922, 2, 99), ("v5", 600, 2, 195)])
def test_the_measured_table(lcb_rows, window, older, light, every):
    """Older problems stand in for honest contest prompts: none is flagged. Thresholds were tuned on these rows."""
    first, last = WINDOWS[window]
    evaluated = [row["question_content"] for row in lcb_rows if first <= row["contest_date"][:7] <= last]
    before = [row["question_content"] for row in lcb_rows if row["contest_date"][:7] < first]
    index = livecodebench.shipped().of(evaluated)
    assert len(before) == older
    assert [text for text in before if hits(index, text)] == []
    missed, count = Counter(), 0
    for number, statement in enumerate(evaluated):
        for name, text in leaks(statement, random.Random(statement), before):
            count += 1
            missed[name] += number not in hits(index, text)
    assert count == 18 * len(evaluated)
    assert sum(missed[name] for name in LIGHT) <= light, missed
    assert missed.total() <= every, missed


@pytest.mark.lcb
@pytest.mark.parametrize("wrappers", [1, 5, 12])
def test_copies_behind_many_wrappers_are_all_found(lcb_rows, tmp_path, wrappers):
    first, last = WINDOWS["v6"]
    rows = [row for row in lcb_rows if first <= row["contest_date"][:7] <= last]
    problems = [EvaluatedText(row["question_id"], row["question_content"], contest=True) for row in rows]
    prompts = [
        (f"{one.id}-{k}", [f"Use language number {k}.\n{one.text}"]) for one in problems for k in range(wrappers)
    ]
    sketch.write(tmp_path / "sketch", prompts)
    found = {(one.prompt.rpartition("-")[0], one.problem) for one in search([tmp_path / "sketch"], problems)}
    assert len({problem for prompt, problem in found if prompt == problem}) == 131
