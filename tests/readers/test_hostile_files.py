"""Every reader of a file that somebody else wrote: whatever is in it, one clear error or a value, never a traceback.

Each file starts valid and is then changed: a value anywhere in it becomes one of any other kind, or its bytes are cut,
repeated or replaced.
"""

import contextlib
import copy
import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssd_harness import prompts, registry
from ssd_harness.cli import main
from ssd_harness.distill import exporting, prompt_set
from ssd_harness.distill.base_model import find_base
from ssd_harness.engines.loading import generation_config
from ssd_harness.errors import SsdError
from ssd_harness.lcb.journal import Journal
from ssd_harness.lcb.rows import read_file, read_tests
from ssd_harness.lcb.samples import read_samples
from ssd_harness.lcb.summary import render_facts, summarize_facts
from ssd_harness.overlap.lineage import read_lineage
from ssd_harness.recipe import Recipe
from ssd_harness.recipes.recognition import by_files, chat_template
from ssd_harness.recipes.resolution import resolve
from ssd_harness.results import comparison
from ssd_harness.results.model_card import model_card
from ssd_harness.results.outcomes import read_outcomes
from ssd_harness.results.run_files import find_run
from ssd_harness.results.run_notes import read_notes

pytestmark = pytest.mark.usefixtures("state")

ODD = (
    10**400,
    -(10**400),
    math.nan,
    math.inf,
    1e-320,
    "\ud800",
    "\x00",
    "\x1b[2J",
    "a\nb",
    "",
    " ",
    "None",
    "9" * 5_000,
)
texts = st.text(st.characters(exclude_categories=()), max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from(ODD)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=5
)
whole_files = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"",
            b"\n\n",
            b"\xef\xbb\xbf",
            b"\xff\xfe{\x00}\x00",
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b"[" + b"[]," * 2_000_000 + b"[]]",
            b"9" * 10_000,
            b'"\\ud800"',
            b"null\n",
            b"NaN\n",
            b"{}\n",
            b"[]\n",
            b"[1]\n",
            b"[[1]]\n",
            b'{"a": 1}\n',
        ]
    ),
    values.map(lambda value: json.dumps(value).encode()),
)


def places(value, path=()):
    """Every path in a JSON value, the value itself first."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def changed(draw, value):
    """Return ``value`` with something in it replaced, removed, added or wrapped."""
    value = copy.deepcopy(value)
    path = draw(st.sampled_from(list(places(value))))
    new = draw(values | st.sampled_from(["remove", "wrap"]))
    if not path:
        return [value] if new == "wrap" else new
    at = value
    for key in path[:-1]:
        at = at[key]
    if new == "remove":
        del at[path[-1]]
    else:
        at[path[-1]] = [at[path[-1]]] if new == "wrap" else new
    return value


@st.composite
def files(draw, rows, *, lines=True):
    """The bytes of a file that held ``rows``, one JSON value a line, or one value without ``lines``."""
    if draw(st.integers(0, 4)) == 0:
        return draw(whole_files)
    number = draw(st.integers(0, len(rows) - 1))
    rows = [changed(draw, row) if index == number else row for index, row in enumerate(rows)]
    data = "\n".join(json.dumps(row, ensure_ascii=draw(st.booleans())) for row in (rows if lines else rows[:1]))
    encoded = data.encode("utf-8", "surrogatepass")
    match draw(st.integers(0, 9)):
        case 0:
            return encoded[: draw(st.integers(0, len(encoded)))]
        case 1:
            return b"\xef\xbb\xbf" + encoded
        case 2:
            return encoded.replace(b'"', b"\xff", 1)
    return encoded + b"\n" * draw(st.integers(0, 2))


@pytest.fixture
def attack(tmp_path):
    """Give a reader file after file; only its own errors may come out."""

    def attack(name, contents, read, examples=150):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large],
        )
        @given(contents)
        def once(content):
            path.write_bytes(content)
            with contextlib.suppress(SsdError):
                read(path)

        once()

    return attack


def command(capsys, *words):
    """Run a command that must not end in a traceback, nor in the exit code that means a regression."""
    code = main([str(word) for word in words])
    said = capsys.readouterr()
    assert code in {0, 2, 3}, said.err
    assert "unexpected" not in said.err, said.err
    if code:
        assert said.err.startswith("ssd-harness: error: ")
        assert said.err.count("\n") == 1


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
        prompts.load.cache_clear() if hasattr(prompts.load, "cache_clear") else None
        for named in (path, tmp_path):
            prompts.load(f"file:{named}").render({"question_content": "{{x}}", "starter_code": "\\1"})

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


MANIFEST = {
    "fingerprint": "f" * 64,
    "base": {"name": "some/base", "revision": None, "weights": "sha256 00"},
    "recipe": {"T_eval": 0.8, "T_train": 1.1, "trust_remote_code": True, "system_message": None},
    "origins": {"T_train": "given"},
    "files": {"model.safetensors": 7},
    "rounds": [{"sample": {"samples": 1}, "train": {"adapter": "merged", "losses": [1.0, 0.5]}}],
    "prompts": {"source": "p.jsonl", "sha256": "00", "count": 3},
    "overlap": {"ngram": 13, "sketches": [{"file": "s.parquet", "sha256": "00"}], "unknown": ["x"]},
    "software": {"ssd_harness": "1"},
    "parent": "a" * 64,
    "variant": registry.VERIFIED,
    "round_choice": {"task": "t", "metric": "m", "chosen": 1, "rounds": [{}]},
}


def test_manifests(attack, state, capsys):
    for name in ("good", "odd"):
        folder = state / "models" / name
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"weights")
        (folder / "config.json").write_text('{"model_type": "qwen3"}')
        (folder / "ssd_manifest.json").write_text(json.dumps({**MANIFEST, "fingerprint": "e" * 64}))

    def read(path):
        for words in (("list",), ("show", "odd"), ("show", "good"), ("push", "odd", "u/n", "--dry-run")):
            command(capsys, "models", *words)
        command(capsys, "recipe", "show", "ssd:odd")
        assert "good" in {checkpoint.name for checkpoint in registry.checkpoints()}
        odd = registry.get("odd")
        from ssd_harness.models.subject import _about

        _about(odd, Recipe())
        model_card(odd)
        read_lineage("odd", odd.path, odd.manifest)

    attack("home/models/odd/ssd_manifest.json", files([MANIFEST], lines=False), read, 80)


@pytest.mark.parametrize("name", ["run.json", "round-1/filter/job.json"])
def test_runs_whose_samples_are_exported(attack, tmp_path, name):
    folder = tmp_path / "run"
    (folder / "round-1" / "filter").mkdir(parents=True)
    (folder / "round-1" / "filter" / "manifest.json").write_text("{}")
    (folder / "prompts.jsonl").write_text("")
    about = {key: MANIFEST[key] for key in ("fingerprint", "base", "recipe", "prompts")}
    job = {"stage": "filter", "recipe": {"T_train": 1.1}, "model": "m", "prompts": str(folder / "prompts.jsonl")}
    job |= {"prompt_count": 3, "seed": 0, "samples": str(folder), "identity": None}
    (folder / "run.json").write_text(json.dumps(about))
    (folder / "round-1" / "filter" / "job.json").write_text(json.dumps(job))
    exporting.find_run(str(folder))
    content = files([about if name == "run.json" else job], lines=False)

    def read(path):
        run = exporting.find_run(str(folder))
        assert run.about["fingerprint"]

    attack(f"run/{name}", content, read)


@pytest.mark.parametrize(
    "name", ["config.json", "generation_config.json", "tokenizer_config.json", "chat_template.jinja"]
)
def test_settings_of_a_model(attack, tmp_path, name):
    settings_of = {
        "config.json": {"model_type": "qwen3", "hidden_size": 2560, "architectures": ["Qwen3ForCausalLM"]},
        "generation_config.json": {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "eos_token_id": [1, 2]},
        "tokenizer_config.json": {"chat_template": [{"name": "default", "template": "{{ x }}"}]},
        "chat_template.jinja": "{% if add_generation_prompt %}<think>{% endif %}",
    }
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(settings_of["config.json"]))

    def read(path):
        by_files(folder)
        chat_template(folder)
        generation_config(folder)
        resolve("m/n", {"recipe": "none"}, folder=folder)
        find_base(str(folder))

    attack(f"model/{name}", files([settings_of[name]], lines=False), read)


def test_our_own_journal_after_somebody_has_edited_it(attack):
    row = {"key": "k", "question_id": "a", "sample": 0, "verdict": "AC", "test": None, "cpu_s": 0.0, "wall_s": 0.0}
    row |= {"peak": 0, "message": "", "reruns": 0, "cause": "", "passed": True}
    attack("journal.jsonl", files([row]), lambda path: Journal(path).read())
