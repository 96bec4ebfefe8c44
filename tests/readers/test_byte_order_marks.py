"""Every file that a user may have written on another system is read with a UTF-8 byte order mark as without."""

import codecs
import json
from pathlib import Path

import pytest

from ssd_harness.harness.result_files.outcomes import read_outcomes
from ssd_harness.harness.result_files.samples import read_samples
from ssd_harness.livecodebench.releases import select
from ssd_harness.livecodebench.store import open_store
from ssd_harness.prompt_styles import load
from ssd_harness.prompts import prompt_set
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.resolution import resolve
from ssd_harness.results.run_notes import read_notes

SAMPLE = {"question_id": "add", "code": "print(1)"}
VERDICT = {"question_id": "add", "sample": 0, "verdict": "AC", "passed": True}


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def prompts(path):
    return [prompt.id for prompt in prompt_set.collect(Recipe(prompts=str(path), filter="none"))]


def notes(path):
    (path.parent / "verdicts.jsonl").write_text(lines(VERDICT))
    return read_notes(path.parent)


READERS = {
    "samples.jsonl": (lines(SAMPLE), read_samples),
    "samples.json": (json.dumps([SAMPLE]), read_samples),
    "verdicts.jsonl": (lines(VERDICT), read_outcomes),
    "summary.json": (json.dumps({"equal_samples": True}), notes),
    "prompts.jsonl": (lines({"prompt": "a", "id": "one"}), prompts),
    "ids.txt": ("one\ntwo\n", lambda path: prompt_set.excluded_ids(str(path))),
    "ids.json": (json.dumps({"leave_out": ["one"]}), lambda path: prompt_set.excluded_ids(str(path))),
    "recipe.yaml": ("T_train: 1.3\n", lambda path: resolve("demo", {"recipe": str(path)}).recipe),
    "prompt.txt": (
        "Solve {{question_content}}",
        lambda path: load(f"file:{path}").render({"question_content": "q"}).user,
    ),
}


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("name", READERS)
def test_it_is_read_as_without_the_mark(tmp_path, name):
    text, read = READERS[name]
    path = tmp_path / name
    path.write_text(text)
    without = read(path)
    path.write_bytes(codecs.BOM_UTF8 + text.encode())
    assert str(read(path)) == str(without)
    assert without


@pytest.mark.usefixtures("state")
def test_a_data_file_is_read_as_without_the_mark(tmp_path, lcb_rows):
    path = lcb_rows.write(tmp_path / "test6.jsonl", [lcb_rows.make("add")])
    Path(path).write_bytes(codecs.BOM_UTF8 + path.read_bytes())
    store = open_store(select("test6", "all"), tmp_path)
    assert list(store.problems) == ["add"]
    assert store.tests("add").inputs
