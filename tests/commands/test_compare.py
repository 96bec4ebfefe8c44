"""``compare`` names the runs of verified variants: they are not plain SSD."""

import json

from ssd_harness.cli import main
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
