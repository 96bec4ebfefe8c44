import random
import string
import unicodedata

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from problem_families import generator, mini

from ssd_harness import prompt_styles as prompt_texts
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.prompts.overlap import guard as guards
from ssd_harness.prompts.overlap import livecodebench, sketch
from ssd_harness.prompts.overlap.guard import guard
from ssd_harness.prompts.overlap.lineage import Lineage, read_lineage
from ssd_harness.prompts.overlap.ngrams import NGRAM, ngrams, whole, words
from ssd_harness.prompts.overlap.search import EvaluatedText, Overlap, search

REUSES_FIXTURES = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
MARKS = " \n\t\r.,;:!?'\"()[]{}*_$#-…«»\u00a0\u2003"


def sentence(seed, count):
    rng = random.Random(seed)
    return " ".join("".join(rng.choices(string.ascii_lowercase, k=6)) for _ in range(count))


@pytest.fixture
def found(tmp_path):
    """Search for problems, each a text or a whole EvaluatedText, among prompts: texts or (id, turns)."""

    def find(prompts, *problems):
        rows = [prompt if isinstance(prompt, tuple) else (f"p{k}", [prompt]) for k, prompt in enumerate(prompts)]
        sketch.write(tmp_path / "sketch.parquet", rows)
        asked = [
            one if isinstance(one, EvaluatedText) else EvaluatedText(f"q{k}", one) for k, one in enumerate(problems)
        ]
        return search([tmp_path / "sketch.parquet"], asked)

    return find


def plain_search(prompts, problems):
    """The rule of other tasks word for word, without any number or sketch: {(prompt, problem)} that overlap."""
    grams = [{tuple(words(text)[i : i + 13]) for i in range(len(words(text)) - 12)} for text in prompts]
    shared = set()
    for name, problem in enumerate(problems):
        of_problem = {tuple(words(problem)[i : i + 13]) for i in range(len(words(problem)) - 12)}
        for k, of_prompt in enumerate(grams):
            if of_problem and len(of_problem & of_prompt) >= 0.2 * len(of_problem):
                shared.add((f"p{k}", f"q{name}"))
        shared |= {(f"p{k}", f"q{name}") for k, text in enumerate(prompts) if words(text) == words(problem) != []}
    return shared


CASED = st.characters(categories=["Ll", "Lu", "Nd"]).filter(
    lambda c: unicodedata.normalize("NFKC", c.swapcase()).casefold() == unicodedata.normalize("NFKC", c).casefold()
)
WORDS = st.lists(st.text(CASED, min_size=1, max_size=6), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(WORDS, st.data())
def test_case_white_space_and_punctuation_hide_nothing(some, data):
    plain = " ".join(some)
    between = st.text(MARKS, min_size=1, max_size=3)
    disguised = "".join((word.swapcase() if data.draw(st.booleans()) else word) + data.draw(between) for word in some)
    assert words(disguised) == words(plain)
    assert words("\u200b".join(disguised)) == words(plain)  # zero-width spaces inside the words
    assert np.array_equal(ngrams(words(disguised)), ngrams(words(plain)))


@REUSES_FIXTURES
@given(
    st.lists(st.text("ab. \n", max_size=60), max_size=9), st.lists(st.text("ab. ", max_size=60), min_size=1, max_size=3)
)
def test_the_search_is_the_rule_itself(found, prompts, problems):
    """A two-letter alphabet makes overlaps and copies of every kind."""
    prompts, problems = ([" ".join(text) for text in texts] for texts in (prompts, problems))
    assert {(one.prompt, one.problem) for one in found(prompts, *problems)} == plain_search(prompts, problems)


@REUSES_FIXTURES
@given(st.integers(0, 30), st.integers(1, 40), st.integers(0, 30), st.integers(0, 20))
def test_a_planted_copy_is_found_wherever_it_stands(found, before, size, after, seed):
    copied = sentence(f"copied {seed}", size)
    planted = f"{sentence('a', before)}\n{copied.upper()}!\n{sentence('b', after)}"
    others = [sentence(f"other {k}", 20) for k in range(8)]
    hits = found([*others[:4], planted, *others[4:]], sentence("harmless", 50), copied)
    if size >= NGRAM:
        assert [(one.prompt, one.problem) for one in hits] == [("p4", "q1")]
        assert hits[0].words == " ".join(words(copied)[:NGRAM])
    else:
        assert [one.prompt for one in hits] == ([] if before + after else ["p4"])  # too short to be told by a part


def test_a_copied_fifth_is_found_with_the_ids_of_all_that_hold_it(found):
    """Of 13 words in a row a problem of 76 words has 64; 25 copied words hold 13 of them, and 24 one too few."""
    copied = sentence("copied", 25)
    problem = f"{sentence('x', 30)} {copied} {sentence('y', 21)}"
    texts = [f"{sentence(k, 30)} {copied if k % 5 == 0 else ''} {sentence(-k, 20)}" for k in range(1, 21)]
    hits = found([(f"id-{k}", [text]) for k, text in enumerate(texts, start=1)], problem)
    start = " ".join(copied.split()[:13])
    assert hits == [Overlap(f"id-{k}", "q0", start, round(13 / 64, 4), equal=False) for k in (5, 10, 15, 20)]
    assert found(texts, sentence("x", 100)) == []
    assert found([f"{text} {' '.join(copied.split()[:24])}" for text in texts[:4]], problem) == []


@pytest.mark.parametrize("holding", [1, 4, 5, 50])
def test_copies_are_found_however_many_prompts_hold_them(found, holding):
    shared = sentence("shared", 40)
    assert len(found([f"{shared} {sentence(k, 30)}" for k in range(holding)], shared)) == holding


def test_what_most_problems_of_a_task_hold_is_its_wording(found):
    around = sentence("instructions", 60)
    problems = [f"{around} {sentence(f'question {k}', 30)}" for k in range(4)]
    assert found([f"{around} something else"], *problems) == []
    assert {one.problem for one in found([f"Also: {problems[2]}"], *problems)} == {"q2"}
    assert len(found([f"{around} something else"], *problems[:3])) == 3  # too few to tell
    assert len(found([f"Also: {around}"], *[around] * 5)) == 5  # there is nothing else


def test_copies_of_a_whole_text_are_no_boilerplate(found):
    problem = sentence("p", 20)
    assert [one.equal for one in found([problem + "!" * k for k in range(7)], problem)] == [True] * 7


def test_short_problems_are_found_by_their_whole_text_alone(found):
    short = EvaluatedText("q", "Add them.", forms=("Add them.\n\nWrite a program.",))
    hits = found(["add THEM", "add them now", "add them write a program"], short)
    assert [one.prompt for one in hits] == ["p0", "p2"]
    assert found(["", "  ", "?"], "", "...") == []


def test_every_turn_counts_and_none_runs_into_the_next(found):
    text = sentence("t", 26)
    halves = " ".join(text.split()[:12]), " ".join(text.split()[12:24])
    assert found([("split", halves)], text) == []
    assert [one.prompt for one in found([("system", [text, "solve it"])], text)] == ["system"]


def first_sketch(path, prompts):
    """Write a sketch as the first version did: (id, text) pairs."""
    import pyarrow as pa
    from pyarrow import parquet

    numbers = pa.list_(pa.uint64())
    about = {"version": "1", "ngram": "13"}
    schema = pa.schema([("id", pa.string()), ("whole", numbers), ("ngrams", numbers)], metadata=about)
    rows = {
        "id": [name for name, _ in prompts],
        "whole": [[whole(text)] for _, text in prompts],
        "ngrams": [ngrams(words(text)) for _, text in prompts],
    }
    parquet.write_table(pa.table(rows, schema), path)


def test_prompts_of_several_older_sketches_count_together(tmp_path):
    shared = sentence("s", 13)
    for name, numbers in (("one", range(3)), ("two", range(3, 5))):
        first_sketch(tmp_path / name, [(f"p{k}", f"{shared} {sentence(k, 9)}") for k in numbers])
    problem = [EvaluatedText("q", shared + " more")]
    assert len(search([tmp_path / "one"], problem)) == 3
    assert search([tmp_path / "one", tmp_path / "two"], problem) == []
    sketch.write(tmp_path / "three", [("new", [f"{shared} {sentence('n', 9)}"])])
    mixed = search([tmp_path / "three", tmp_path / "one", tmp_path / "two"], problem)
    assert [one.prompt for one in mixed] == ["new"]  # what older sketches hold is counted among themselves


def test_equal_prompts_make_equal_sketches_of_about_sixteen_bytes_a_word(tmp_path):
    prompts = [(f"p{k}", [sentence(k, 300) + "\n" + sentence("template", 60)]) for k in range(150)]
    sketch.write(tmp_path / "a", prompts)
    sketch.write(tmp_path / "b", iter(prompts))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").stat().st_size < 17 * 150 * 360


def test_the_generators_prompts_pass_by_the_rule_itself(tmp_path):
    """They share the sentences around every problem with the evaluation's prompts, and no problem."""
    drawn = [(one.id, [one.text]) for one in generator.prompts(seed=0, count=256)]
    rows = [problem.row() for problem in mini.problems()]
    shown = [prompt_texts.render(row).user for row in rows]
    problems = [
        EvaluatedText(row["question_id"], row["question_content"], (text,))
        for row, text in zip(rows, shown, strict=True)
    ]
    sketch.write(tmp_path / "all", drawn)
    assert search([tmp_path / "all"], problems) == []
    assert all(livecodebench.shipped().nearest(texts) is None for _, texts in drawn)
    sketch.write(tmp_path / "copy", [*drawn, ("copy", [shown[7]])])
    assert [(one.prompt, one.problem) for one in search([tmp_path / "copy"], problems)] == [("copy", problems[7].id)]


@pytest.fixture
def lineage(tmp_path, state):
    text = sentence("p", 40)
    prompts = [("bad\x1b[31m", [text]), ("good", [sentence("g", 40)])]
    sketch.write(tmp_path / "sketch.parquet", prompts)
    return Lineage((tmp_path / "sketch.parquet",))


PROBLEMS = [EvaluatedText("q1", sentence("p", 40)), EvaluatedText("q2", sentence("r", 40))]


def test_an_overlap_stops_the_run_with_the_prompts_ids_in_one_printable_line(lineage, state):
    with pytest.raises(UsageError) as error:
        guard(lineage, "some_task", PROBLEMS, allowed=False)
    assert "1 prompt overlaps 1 problem of some_task: 'bad\\x1b[31m' equals 'q1'" in str(error.value)
    assert "allow_overlap=true" in str(error.value)
    assert str(error.value).isprintable()
    assert "bad" in error.value.where.read_text()


def test_each_prompt_is_named_once_with_the_problem_it_shares_most_with(tmp_path, state):
    near, far = sentence("near", 30), sentence("far", 13)
    sketch.write(tmp_path / "s", [("both", [f"{far} and {near}"]), ("far", [far + " alone"])])
    with pytest.raises(UsageError) as error:
        guard(
            Lineage((tmp_path / "s",)),
            "t",
            [EvaluatedText("q1", f"{far}. x"), EvaluatedText("q2", f"x {near}")],
            allowed=False,
        )
    said = str(error.value)
    assert f"2 prompts overlap 2 problems of t: 'both' contains 95% of 'q2', starting at '{near[:20]}" in said
    assert "; 'far' contains 50% of 'q1'" in said
    assert said.count("'both'") == 1


def test_an_allowed_overlap_is_said(lineage):
    about = guard(lineage, "some_task", PROBLEMS, allowed=True)
    assert about["result"] == "allow_overlap=true: 1 prompt overlaps 1 problem"
    assert about["overlaps"] == [
        {"prompt": "bad\x1b[31m", "problem": "q1", "words": sentence("p", 13), "share": 1.0, "equal": True}
    ]
    assert guard(lineage, "some_task", PROBLEMS[1:], allowed=True) == {
        "allow_overlap": True,
        "problems": 1,
        "result": "none",
    }


def test_what_cannot_be_known_is_said(lineage):
    unknown = Lineage(unknown=("imported",))
    assert guard(unknown, "t", PROBLEMS, allowed=False)["result"] == guards.UNKNOWN
    assert guard(lineage + unknown, "t", PROBLEMS[1:], allowed=False)["unknown"] == ["imported"]
    with pytest.raises(UsageError):
        guard(lineage + unknown, "t", PROBLEMS, allowed=False)
    assert guard(lineage, "t", None, allowed=False)["result"] == guards.NO_TEXT
    assert guard(Lineage(), "t", PROBLEMS, allowed=False)["result"] == guards.NO_PROMPTS


def test_a_stored_lineage_is_the_same_lineage(lineage, tmp_path):
    model, moved = tmp_path / "model", tmp_path / "moved"
    model.mkdir()
    part = (lineage + Lineage(unknown=("older",))).store(model)
    lineage.sketches[0].unlink()
    model.rename(moved)
    again = read_lineage("m", moved, {"overlap": part})
    assert again.unknown == ("older",)
    with pytest.raises(UsageError, match="q1"):
        guard(again, "t", PROBLEMS, allowed=False)
    assert read_lineage("m", moved, {"name": "m"}) == Lineage(unknown=("m",))
    for edited in ([1], [{}], ["file"], [{"file": None, "sha256": 3}]):
        with pytest.raises(InfrastructureError, match="missing or changed"):
            read_lineage("m", moved, {"overlap": {**part, "sketches": edited}})
    again.sketches[0].write_bytes(b"other")
    with pytest.raises(InfrastructureError, match="missing or changed"):
        read_lineage("m", moved, {"overlap": part})
    with pytest.raises(InfrastructureError, match="cannot read this sketch"):
        search(again.sketches, PROBLEMS)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=13, max_size=13), st.permutations(range(13)))
def test_other_words_or_another_order_is_another_number(some, order):
    text = [f"w{number}" for number in some]
    other = [text[k] for k in order]
    assume(other != text)
    assert ngrams(text)[0] != ngrams(other)[0]
