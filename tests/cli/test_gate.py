"""The gate and its baseline as commands: exit codes, refusals, and every output with hostile names."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from ssd_harness.cli.main import main
from ssd_harness.errors import ExitCode
from ssd_harness.results.baseline import read_run
from ssd_harness.results.gate import GateResult, GateVerdict, Rule, apply_rules
from ssd_harness.results.github import annotations, job_summary
from ssd_harness.results.junit import junit_xml

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
PROBLEMS, SAMPLES = 40, 10
HOSTILE = [
    "<script>alert(1)</script>",
    "a|b\n| c",
    "\x1b[31m\x00\x08",
    "::error::x\r\n::warning::y",
    "%0A::error::z",
    "![x](javascript:alert(1)) [y](//h) `z` @everyone #1",
    "]]></testsuites>&amp;",
    "\ud800",
]


def complaints(schema, value):
    validator = pytest.importorskip("jsonschema", reason="needs the extra 'test'").Draft202012Validator
    return [
        error.message for error in validator(json.loads((SCHEMAS / f"{schema}.v1.json").read_text())).iter_errors(value)
    ]


@pytest.fixture
def scored(tmp_path):
    """Write a run as ``ssd-harness score`` does: each problem passes so many of ten samples."""

    def write(name, passed, **scoring):
        folder = tmp_path / name
        folder.mkdir()
        with (folder / "verdicts.jsonl").open("w") as stream:
            for index, count in enumerate(passed):
                for sample in range(SAMPLES):
                    row = {"question_id": f"q{index}", "sample": sample, "passed": sample < count}
                    row |= {"verdict": "AC" if sample < count else "WA", "difficulty": "hard" if index % 2 else "easy"}
                    stream.write(json.dumps(row) + "\n")
        summary = {"data": {"release": "v6", "window": "2025"}, "scoring": {"judge": "lcb", "tests": "all", **scoring}}
        (folder / "summary.json").write_text(json.dumps(summary))
        return str(folder)

    return write


@pytest.fixture
def good(scored):
    return scored("good", [7] * PROBLEMS)


@pytest.fixture
def baseline(good, tmp_path, capsys):
    path = tmp_path / "baseline.json"
    assert main(["baseline", good, "--out", str(path)]) == ExitCode.DONE
    assert capsys.readouterr().out == f"40 problems with 10 samples each, written to {path}\n"
    return str(path)


def test_the_same_run_passes_against_its_own_baseline(good, baseline, capsys):
    assert main(["gate", good, "--baseline", baseline]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert out.splitlines()[2].split()[:2] == ["pass@1", "PASS"]
    assert f"PASS:  {good}  against  {baseline}" in out


def test_a_planted_regression_exits_with_1(scored, baseline, capsys):
    assert main(["gate", scored("worse", [6] * PROBLEMS), "--baseline", baseline]) == ExitCode.REGRESSION
    assert "REGRESSION" in capsys.readouterr().out


def test_an_inconclusive_gate_fails_only_where_asked(scored, baseline, capsys):
    noisy = scored("noisy", [2, 10, 10, 6] * (PROBLEMS // 4))
    words = ["gate", noisy, "--baseline", baseline]
    assert main(words) == ExitCode.DONE
    assert main([*words, "--on-inconclusive", "fail"]) == ExitCode.INCONCLUSIVE
    assert "INCONCLUSIVE" in capsys.readouterr().out


def test_a_minimum_needs_no_baseline(good, scored):
    assert main(["gate", good, "--min", "pass@1=0.6", "--min", "pass@5=0.9"]) == ExitCode.DONE
    assert main(["gate", scored("bad", [1] * PROBLEMS), "--min", "pass@1=0.6"]) == ExitCode.REGRESSION


def test_a_policy_has_a_rule_for_each_metric_and_difficulty(scored, baseline, tmp_path, capsys):
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "alpha: 0.1\non_inconclusive: fail\nrules:\n"
        "  - {metric: pass@1, difficulty: easy, max_drop: 0.05}\n"
        "  - {metric: pass@1, difficulty: hard, max_drop: 0.05, only_warn: true}\n"
        "  - {metric: pass@5, max_drop: null, minimum: 0.2}\n"
    )
    run = scored("hard-is-worse", [7, 3] * (PROBLEMS // 2))
    assert main(["gate", run, "--baseline", baseline, "--policy", str(policy), "--json"]) == ExitCode.DONE
    result = json.loads(capsys.readouterr().out)
    assert [(check["metric"], check["rule"]["difficulty"], check["verdict"]) for check in result["checks"]] == [
        ("pass@1", "easy", "PASS"),
        ("pass@1", "hard", "WARN"),
        ("pass@5", "all", "PASS"),
    ]
    assert (result["verdict"], result["alpha"], result["schema_version"]) == ("WARN", 0.1, 1)
    assert complaints("gate", result) == complaints("baseline", json.loads(Path(baseline).read_text())) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rules: [{metric: pass@0}]", "rules.0.metric: "),
        ("rules: [{metric: pass@1, max_dorp: 0.1}]", "rules.0.max_dorp: "),
        ("rules: []", "rules: "),
        ("alpha: 0.7", "alpha: "),
        ("{", "not valid YAML"),
        ("[]", "the file: "),
    ],
)
def test_a_broken_policy_is_one_line(text, words, good, baseline, tmp_path, capsys):
    policy = tmp_path / "policy.yaml"
    policy.write_text(text)
    assert main(["gate", good, "--baseline", baseline, "--policy", str(policy)]) == ExitCode.USAGE
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
    assert "pydantic" not in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "a rule allows a drop, but there is no baseline"),
        (["--baseline", "BASELINE", "--max-drop", "2"], "expected a proportion from 0 to 1 for --max-drop, got 2"),
        (["--min", "pass@1"], "expected pass@K=PROPORTION, got 'pass@1'"),
        (["--min", "pass@11=0.1"], "needs 11 samples of each problem, some problem has 10"),
        (["--baseline", "BASELINE", "--alpha", "0.6"], "alpha must be above 0 and below 0.5, got 0.6"),
        (["--baseline", "gone.json"], "gone.json"),
    ],
)
def test_wrong_words_are_one_line_and_exit_2(words, message, good, baseline, capsys):
    words = [baseline if word == "BASELINE" else word for word in words]
    assert main(["gate", good, *words]) == ExitCode.USAGE
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_runs_of_different_conditions_are_refused_by_name(scored, baseline, capsys):
    other = scored("other", [7] * (PROBLEMS - 1), judge="stdio")
    assert main(["gate", other, "--baseline", baseline]) == ExitCode.USAGE
    err = capsys.readouterr().err
    assert "judge: stdio and lcb; problems: 0 only in the run and 1 only in the baseline" in err
    assert main(["gate", other, "--baseline", baseline, "--allow-different-conditions"]) == ExitCode.DONE
    assert "39 problems" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["{}", "[1]", "{", '{"ssd_harness_baseline": true, "schema_version": 9}'])
def test_a_file_that_is_no_baseline_is_one_line(content, good, tmp_path, capsys):
    path = tmp_path / "b.json"
    path.write_text(content)
    assert main(["gate", good, "--baseline", str(path)]) == ExitCode.USAGE
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("row", ["[3]", '[3, 4, "easy"]', '[0, 0, "easy"]', '["3", 1, "easy"]', "[3, 1, null]"])
def test_a_broken_row_of_a_baseline_is_named(row, good, tmp_path, capsys):
    path = tmp_path / "b.json"
    path.write_text(f'{{"ssd_harness_baseline": true, "schema_version": 1, "problems": {{"q0": {row}}}}}')
    assert main(["gate", good, "--baseline", str(path)]) == ExitCode.USAGE
    assert "q0: expected [samples, passed, difficulty]" in capsys.readouterr().err


def test_junit_and_github_tell_of_a_regression(scored, baseline, tmp_path, capsys, monkeypatch):
    junit, summary = tmp_path / "gate.xml", tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    worse = scored("worse", [5] * PROBLEMS)
    assert main(["gate", worse, "--baseline", baseline, "--junit", str(junit)]) == ExitCode.REGRESSION
    suite = ET.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert suite.find("testsuite/testcase").get("name") == "pass@1"
    assert suite.find("testsuite/testcase/failure").get("type") == "REGRESSION"
    annotation = capsys.readouterr().out.splitlines()[-1]
    assert annotation.startswith("::error title=pass@1%3A REGRESSION::-20.0 points [-20.0, -20.0]%3A"[:47])
    assert "### ssd-harness gate: REGRESSION" in summary.read_text()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_and_reasons_stay_text(name, good):
    run = read_run(good)
    (check,) = apply_rules(run.outcomes, run.outcomes, [Rule()]).checks
    result = GateResult((replace(check, verdict=GateVerdict.REGRESSION, reason=name),), 0.05)
    case = ET.fromstring(junit_xml(result, name).encode()).find("testsuite/testcase")
    assert case.get("name") == "pass@1"
    assert case.find("failure").get("message").startswith("REGRESSION: ")
    summary = job_summary(result, name, name)
    assert len(summary.splitlines()) == 7
    assert "<" not in summary
    assert summary.splitlines()[-1].replace("\\|", "").count("|") == 8
    assert summary.isprintable() or all(character.isprintable() or character == "\n" for character in summary)
    (annotation,) = annotations(result)
    assert annotation.count("::") == 2 + name.count("::")
    assert annotation.startswith("::error title=pass@1%3A REGRESSION::")
    assert annotation.isprintable()
