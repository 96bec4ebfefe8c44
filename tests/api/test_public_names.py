"""What ``import ssd_harness`` offers, and how its functions refuse bad arguments before any work."""

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import ssd_harness

ROOT = Path(__file__).parents[2]


def test_every_public_name_exists_and_is_listed():
    for name in ssd_harness.__all__:
        assert getattr(ssd_harness, name) is not None
    assert set(ssd_harness.__all__) <= set(dir(ssd_harness))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = ssd_harness.nonsense


def test_every_public_function_documents_arguments_result_and_errors():
    for name in ("distill", "evaluate", "score", "compare"):
        function = inspect.unwrap(getattr(ssd_harness, name))
        text = inspect.getdoc(function)
        for part in ("Args:", "Raises:", "UsageError:", "InfrastructureError:"):
            assert part in text, (name, part)
        for parameter in inspect.signature(function).parameters:
            assert parameter in text, (name, parameter)


@pytest.mark.process
def test_the_package_import_loads_no_other_module_of_ours():
    program = "import sys, ssd_harness; print([name for name in sys.modules if name.startswith('ssd_harness.')])"
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {program}"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "[]\n", done.stdout + done.stderr


@pytest.mark.process
def test_type_checkers_see_the_public_functions(tmp_path):
    pytest.importorskip("mypy")
    file = tmp_path / "user.py"
    file.write_text(
        "import ssd_harness.distill.pipeline\n"
        "reveal_type(ssd_harness.distill('demo', recipe=ssd_harness.Recipe()).path)\n"
        "reveal_type(ssd_harness.score([]).pass_at)\n"
        "ssd_harness.compare(3)\n"
    )
    command = [sys.executable, "-m", "mypy", "--config-file=", "--ignore-missing-imports", "--follow-imports=silent"]
    done = subprocess.run([*command, str(file)], capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert '"pathlib.Path"' in done.stdout
    assert '"dict[int, float]"' in done.stdout.replace("builtins.", "")
    assert 'Argument 1 to "compare" has incompatible type "int"' in done.stdout
    assert "Found 1 error" in done.stdout


def test_distill_stays_callable_whatever_is_imported_from_its_package():
    from ssd_harness import distill
    from ssd_harness.distill import pipeline  # noqa: F401 - the import sets the attribute of the parent package

    assert callable(distill)
    assert ssd_harness.distill is distill
    assert "recipe" in inspect.signature(distill).parameters


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ssd_harness.distill("demo", T_trian=1), "T_train"),
        (lambda: ssd_harness.distill("demo", steps=0), "steps"),
        (lambda: ssd_harness.distill("demo", recipe=3), "got int"),
        (lambda: ssd_harness.distill("demo", recipe="nowhere.yaml"), "nowhere.yaml"),
        (lambda: ssd_harness.score([{"code": "print(1)"}], task="livecodebench_mini"), "row 1"),
        (lambda: ssd_harness.score([], task="livecodebench_mini"), "there are no samples"),
        (lambda: ssd_harness.score([{"question_id": "x", "code": ""}], task="livecodebench_v7"), "livecodebench_v6"),
        (lambda: ssd_harness.score([{"question_id": "x", "code": ""}], task="livecodebench_mini"), "'x'"),
        (lambda: ssd_harness.score("nowhere.jsonl", task="livecodebench_mini"), "nowhere.jsonl"),
        (lambda: ssd_harness.score([3], task="livecodebench_mini"), "row 1"),
        (lambda: ssd_harness.compare([]), "no run"),
        (lambda: ssd_harness.compare("OUT"), "expected a list"),
        (lambda: ssd_harness.compare(["OUT", "OUT"]), "given twice"),
        (lambda: ssd_harness.compare(["nowhere"]), "nowhere"),
        (lambda: ssd_harness.compare([{}]), "name the runs"),
        (lambda: ssd_harness.compare({"a": 3}), "got int"),
        (lambda: ssd_harness.compare({"a": {"results": {}}}), "with its samples"),
        (lambda: ssd_harness.compare({"a": {"samples": {"x": [], "y": []}}}), "2 tasks: x, y"),
        (lambda: ssd_harness.compare({"a": {"samples": {"x": [{"doc": {}}]}}}), "a, row 1"),
    ],
)
def test_a_bad_argument_is_one_usage_error(state, tmp_path, monkeypatch, call, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ssd_harness.UsageError) as raised:
        call()
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 2


@pytest.mark.hf
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tasks": []}, "tasks expected"),
        ({"tasks": "livecodebench_min"}, "did you mean 'livecodebench_mini'"),
        ({"limmit": 4}, "did you mean 'limit'"),
        ({"T_eval": 1.1}, "model_args={'T_eval': 1.1}"),
        ({"limit": 0}, "--limit"),
        ({"model_args": {"pretrained": "demo"}}, "first argument"),
        ({"metadata": {"repeat": 3}}, "did you mean 'repeats'"),
        ({"model": "ssd:nobody"}, "nobody"),
    ],
)
def test_a_bad_evaluation_is_refused(state, options, words):
    arguments = {"model": "demo", "tasks": "livecodebench_mini", **options}
    with pytest.raises(ssd_harness.UsageError) as raised:
        ssd_harness.evaluate(arguments.pop("model"), arguments.pop("tasks"), **arguments)
    assert words in str(raised.value)
    assert raised.value.exit_code == 2


def test_a_comparison_is_json_as_the_command_prints_it(tmp_path, capsys):
    from ssd_harness.cli.main import main

    for name, passed in (("a", True), ("b", False)):
        (tmp_path / name).mkdir()
        row = {"question_id": "q", "verdict": "AC" if passed else "WA", "passed": passed, "difficulty": "easy"}
        (tmp_path / name / "verdicts.jsonl").write_text(json.dumps(row) + "\n")
    comparison = ssd_harness.compare({"a": tmp_path / "a", "b": tmp_path / "b"})
    assert comparison["b"].difference[1].mean == -1
    assert main(["compare", f"a={tmp_path / 'a'}", f"b={tmp_path / 'b'}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(comparison.as_fields()))
