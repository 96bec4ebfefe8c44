"""Every reader of a file that somebody else wrote: whatever is in it, one clear error or a value, never a traceback.

Each file starts valid and is then changed: a value anywhere in it becomes one of any other kind, or its bytes are cut,
repeated or replaced.
"""

import contextlib
import json

import pytest
from hypothesis import strategies as st
from readers.changed_files import command, files, texts, whole_files

from ssd_harness import prompt_styles
from ssd_harness.artifacts import registry
from ssd_harness.errors import SsdError
from ssd_harness.harness.result_files.outcomes import read_outcomes
from ssd_harness.harness.result_files.runs import find_run
from ssd_harness.harness.result_files.samples import read_samples
from ssd_harness.livecodebench.problem_rows import read_file, read_tests
from ssd_harness.prompts import prompt_set
from ssd_harness.recipe.definition import Recipe
from ssd_harness.recipe.resolution import resolve
from ssd_harness.results import comparison
from ssd_harness.results.run_notes import read_notes
from ssd_harness.scoring.summary import render_facts, summarize_facts

pytestmark = pytest.mark.usefixtures("state")

VERDICTS = [
    {
        "question_id": "a",
        "sample": 0,
        "verdict": "AC",
        "passed": True,
        "difficulty": "easy",
        "test": None,
        "cpu_s": 0.1,
    },
    {"question_id": "b", "sample": 0, "verdict": "WA", "passed": False, "difficulty": "hard", "message": "x"},
]
MADE = {"question_id": "a", "sample": 0, "code": "print()", "verdict": "AC", "passed": True, "tokens": 5}
MADE |= {"truncated": False, "unfinished_reasoning": False}
LOGGED = {
    "doc_id": 0,
    "doc": {"question_id": "a", "difficulty": "easy"},
    "arguments": {"gen_args_0": {"arg_0": "prompt", "arg_1": {"until": []}}},
    "resps": [["```python\nprint()\n```"]],
    "filtered_resps": [[json.dumps(MADE)]],
}
PLAIN = {**LOGGED, "filtered_resps": ["text"]}
SAMPLES = [
    {"question_id": "a", "code": "print()", "tokens": 5, "truncated": True, "finish_reason": "length"},
    {"question_id": "a", "output": "```\nprint()\n```", "prompt": "<think>"},
    {"question_id": "b", "code_list": ["a", "b"], "graded_list": [True, False]},
    {"question_id": "b", "output_list": ["```\na\n```"]},
    LOGGED,
    PLAIN,
]


def read_rows(path):
    for problem in read_file(path).problems:
        problem.as_doc()
        with contextlib.suppress(SsdError):
            json.dumps(problem.as_doc(), ensure_ascii=False).encode("utf-8")
            read_tests(path, problem)


def test_rows(attack, lcb_rows):
    functional = [{"input": "1\n2", "output": "[3]", "testtype": "functional"}]
    rows = [
        lcb_rows.make(),
        lcb_rows.make("f", metadata='{"func_name": "f"}', public_test_cases=json.dumps(functional)),
    ]
    attack("test6.jsonl", files(rows), read_rows, 300)


def test_the_tests_of_rows(attack, lcb_rows):
    tests = [{"input": "1\n2", "output": "[3]", "testtype": "functional"}, {"input": "", "output": "{}"}]
    encoded = files([tests], lines=False).map(lambda data: data.decode("utf-8", "replace"))

    def row(text):
        row = lcb_rows.make("f", metadata='{"func_name": "f"}', public_test_cases=text or " ")
        return json.dumps(row).encode() + b"\n"

    attack("test6.jsonl", encoded.map(row), read_rows)


def read_all_samples(path):
    facts = [sample.facts for sample in read_samples(path)]
    json.dumps([fact.as_row() for fact in facts])
    render_facts(summarize_facts(facts))


@pytest.mark.parametrize("lines", [True, False], ids=["lines", "list"])
def test_samples(attack, lines):
    attack("s.jsonl", files(SAMPLES if lines else [SAMPLES], lines=lines), read_all_samples, 300)


@pytest.mark.parametrize("rows", [VERDICTS, [LOGGED]], ids=["verdicts", "logged"])
def test_verdicts(attack, rows):
    def read(path):
        runs = [(str(number), read_outcomes(path)) for number in range(2)]
        comparison.render(comparison.compare(runs))

    attack("verdicts.jsonl", files(rows), read, 300)


def test_compare_in_one_process_after_the_other(attack, capsys):
    attack("verdicts.jsonl", files(VERDICTS), lambda path: command(capsys, "compare", path), 60)


RESULTS = {"config": {"ssd": {"run": "r1", "fingerprint": "f" * 64, "checkpoint": "c", "base": {"name": "b"}}}}
RESULTS["config"]["ssd"] |= {"allow_overlap": True, "variant": registry.VERIFIED}


def test_results(attack, tmp_path):
    (tmp_path / "samples_t_2025.jsonl").write_text(json.dumps(LOGGED))
    (tmp_path / "samples_t_2026.jsonl").write_text(json.dumps(LOGGED))

    def read(path):
        for word in ("", "@r1", "@base", "@ssd:c"):
            with contextlib.suppress(SsdError):
                found = find_run(f"{tmp_path}{word}")
                read_notes(found)

    attack("results_2025.json", files([RESULTS], lines=False), read)


PROMPTS = [
    {"prompt": "Add.", "id": "1", "tests": [{"input": "1", "output": "2"}]},
    {"messages": [{"role": "user", "content": "Add."}, {"role": "assistant", "content": "No."}], "id": 2},
    {
        "messages": [{"from": "human", "value": "Add!"}],
        "tests": json.dumps({"inputs": [[1]], "outputs": [2], "fn_name": "f"}),
    },
    {"a": {"b": ["Sum."]}, "prompt": "x", "starter": "def f():"},
]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"filter": "passes-tests"},
        {"prompt_column": "a.b.0", "id_column": "id"},
        {"prompt_column": "prompt", "starter_column": "starter"},
    ],
)
def test_prompts(attack, fields):
    def read(path):
        for prompt in prompt_set.collect(Recipe(prompts=str(path), **fields)):
            prompt.text.encode("utf-8")
            prompt.id.encode("utf-8")

    attack("p.jsonl", files(PROMPTS), read)


def test_prompts_in_a_file_that_is_no_parquet(attack):
    attack("p.parquet", whole_files, lambda path: list(prompt_set.collect(Recipe(prompts=str(path)))), 60)


def test_ids_of_prompts_to_leave_out(attack):
    attack("ids.json", files([{"leave_out": ["1", "2"]}], lines=False), lambda path: prompt_set.excluded_ids(str(path)))


TEMPLATE = "{{question_content}} {{starter_code}} ```python"


def test_prompt_templates(attack, tmp_path):
    cut = st.tuples(texts, st.integers(0, len(TEMPLATE))).map(lambda pair: TEMPLATE[: pair[1]] + pair[0] + TEMPLATE)
    encoded = cut.map(lambda text: text.encode("utf-8", "surrogatepass"))

    def read(path):
        prompt_styles.load.cache_clear() if hasattr(prompt_styles.load, "cache_clear") else None
        for named in (path, tmp_path):
            prompt_styles.load(f"file:{named}").render({"question_content": "{{x}}", "starter_code": "\\1"})

    for part in ("functional", "system"):
        (tmp_path / f"{part}.txt").write_text("{{question_content}}")
    attack("stdin.txt", whole_files | encoded, read)


def test_recipes(attack):
    fields = {
        "fields": {"T_train": 1.2, "steps": 3, "prompts": "p.jsonl", "lora_rank": 4},
        "models": ["a/b"],
        "source": "s",
    }
    odd = st.sampled_from(
        [
            b"T_train: 0x" + b"f" * 5_000,
            b"T_train: " + b"9" * 5_000,
            b"T_train: 1:60:60",
            b"? [a, b]\n: 1",
            b"1: 2\n2025-01-01: 3",
            b"T_train: !!python/object/apply:os.system ['false']",
            b"T_train: !!binary aaaa",
            b"a: &a [*a]\nT_train: *a",
            b"a: &a [x, x]\nb: &b [*a, *a]\nT_train: [*b, *b]",
            b"<<: 5\nT_train: 1",
            b"T_train: 2025-99-99",
            b"{" * 5_000,
            b"T_train: .nan",
            b"T_train: !!set {a}",
            b"- a",
        ]
    )

    def read(path):
        resolve("m", {"recipe": str(path)})

    attack("r.yaml", files([fields], lines=False) | odd, read, 300)
