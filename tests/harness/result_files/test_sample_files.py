"""Files of samples as other programs write them: with a byte order mark, or one object over several lines."""

import json

import pytest

from ssd_harness.errors import UsageError
from ssd_harness.harness.result_files.samples import read_samples

ROW = {"question_id": "q", "code": "print(1)"}


@pytest.mark.parametrize(
    "text", [json.dumps(ROW) + "\n", json.dumps([ROW]), json.dumps(ROW, indent=2), json.dumps([ROW], indent=2)]
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_mark_and_line_breaks_do_not_matter(tmp_path, text, mark):
    file = tmp_path / "samples.json"
    file.write_bytes(mark + text.encode())
    (sample,) = read_samples(file)
    assert sample.program.code == "print(1)"


def test_results_name_the_file_that_holds_the_samples(tmp_path):
    file = tmp_path / "results_now.json"
    file.write_text(json.dumps({"results": {}, "configs": {}}, indent=2))
    with pytest.raises(UsageError, match=r"samples_TASK_DATE\.jsonl"):
        read_samples(file)


@pytest.mark.parametrize(
    "prompt",
    [
        [{"role": "system", "content": "s"}, {"role": "user", "content": "Solve it."}],
        [{"role": "user", "content": [{"type": "text", "text": "Solve it."}]}],
        [],
    ],
)
def test_a_prompt_may_be_a_list_of_messages(tmp_path, prompt):
    file = tmp_path / "samples.jsonl"
    file.write_text(json.dumps({"question_id": "q", "prompt": prompt, "output": "```python\nprint(1)\n```"}))
    (sample,) = read_samples(file)
    assert sample.program.code == "print(1)"


def test_results_of_lm_eval_are_refused_with_the_file_that_holds_the_samples(tmp_path):
    results = tmp_path / "results_2026-01-01T00-00.json"
    results.write_text(json.dumps({"results": {}, "configs": {}}, indent=2))
    with pytest.raises(
        UsageError, match=r"lm-eval's results.*give the samples_TASK_DATE.jsonl beside it.*--log_samples"
    ):
        read_samples(results)
    (tmp_path / "samples_livecodebench_v6_2026-01-01T00-00.jsonl").write_text("")
    (tmp_path / "samples_livecodebench_v6_2025-01-01T00-00.jsonl").write_text("")
    with pytest.raises(UsageError) as refusal:
        read_samples(results)
    assert refusal.value.next_step == f"give {tmp_path}/samples_livecodebench_v6_2026-01-01T00-00.jsonl"
