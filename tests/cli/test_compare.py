"""``compare`` says beside each run what its figures do not show: variants, overlap, data that is not the official."""

import json

from ssd_harness.cli.main import main
from ssd_harness.errors import ExitCode


def test_a_verified_variant_is_called_one(tmp_path, capsys):
    for name, variant in (("base", None), ("plain", "plain SSD"), ("chosen", "verified variant")):
        folder = tmp_path / name
        folder.mkdir()
        rows = [{"question_id": f"q{n}", "verdict": "AC", "passed": True, "difficulty": "easy"} for n in range(3)]
        responses = [{"doc": {"difficulty": "easy"}, "filtered_resps": [[json.dumps(row)]]} for row in rows]
        (folder / "samples_t_2026-01-01T00.jsonl").write_text("".join(json.dumps(row) + "\n" for row in responses))
        about = {"config": {"ssd": {"run": "r1", "variant": variant}}}
        (folder / "results_2026-01-01T00.json").write_text(json.dumps(about))
    words = [f"{name}={tmp_path / name}" for name in ("base", "plain", "chosen")]
    assert main(["compare", *words]) == ExitCode.DONE
    assert capsys.readouterr().out.splitlines()[-1] == "chosen: verified variant, not plain SSD"
    assert main(["compare", "--json", *words]) == ExitCode.DONE
    assert [row.get("variant") for row in json.loads(capsys.readouterr().out)["runs"]] == [
        None,
        None,
        "verified variant",
    ]


def logged_run(folder, *, official, source="folder", task="livecodebench_v6"):
    """Write one run as lm-eval does, by the results of several tasks."""
    folder.mkdir()
    row = {"doc": {"difficulty": "easy"}, "filtered_resps": [['{"question_id": "q", "verdict": "AC", "passed": true}']]}
    (folder / f"samples_{task}_2026-01-01T00.jsonl").write_text(json.dumps(row) + "\n")
    made = {name: {"data": {"official": True, "data_source": "hub"}} for name in (task, "another")}
    made[task] = {"data": {"official": official, "data_source": source}}
    configs = {name: {"metadata": {"ssd_harness": one}} for name, one in made.items()}
    (folder / "results_2026-01-01T00.json").write_text(json.dumps({"configs": configs}))
    return f"{folder.name}={folder}"


def test_a_run_on_other_data_is_marked(tmp_path, capsys):
    words = [logged_run(tmp_path / "hub", official=True), logged_run(tmp_path / "part", official=False)]
    words.append(logged_run(tmp_path / "mini", official=False, source="package"))
    scored = tmp_path / "scored"
    scored.mkdir()
    (scored / "verdicts.jsonl").write_text('{"question_id": "q", "verdict": "AC", "passed": true}\n')
    (scored / "summary.json").write_text(json.dumps({"data": {"official": False, "data_source": "folder"}}))
    words.append(f"scored={scored}")
    assert main(["compare", *words]) == ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["part: not the official data", "scored: not the official data"]
    assert "official" not in lines[-3]
    assert main(["compare", "--json", *words]) == ExitCode.DONE
    marks = {row["name"]: row.get("official") for row in json.loads(capsys.readouterr().out)["runs"]}
    assert marks == {"hub": None, "part": False, "mini": None, "scored": False}


def test_overlap_that_a_stock_model_allowed_is_told_too(tmp_path, capsys):
    word = logged_run(tmp_path / "stock", official=True, task="t")
    results = tmp_path / "stock" / "results_2026-01-01T00.json"
    made = {"metadata": {"ssd_harness": {"summary": {"allow_overlap": True}}}}
    results.write_text(json.dumps({"configs": {"t": made}}))
    assert main(["compare", word]) == ExitCode.DONE
    assert capsys.readouterr().out.splitlines()[-1] == "stock: made with allow_overlap=true"
