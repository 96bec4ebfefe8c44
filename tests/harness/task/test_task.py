import json
from collections import Counter

import pytest

from ssd_harness.cli.main import main
from ssd_harness.errors import InfrastructureError, UsageError
from ssd_harness.harness import run_context
from ssd_harness.harness.generation import Generation

pytestmark = pytest.mark.hf

ADD = "a, b = map(int, input().split())\nprint(a + b)"
THOUGHTS = (
    f"<think>\n```\nno\n```\n</think>\n```python\n{ADD}\n```",
    "<think>\n```\nprint(3)\n```",
    "no fence",
)
COMPLETIONS = (f"{ADD}\n```\nand\n```\nmore\n```", "print(3)", "```")


@pytest.fixture(scope="session")
def scripted():
    """A model that answers the problem `add` rightly the first five times, and everything else wrongly."""
    from lm_eval.api.model import LM

    class Scripted(LM):
        tokenizer_name = "scripted"

        def __init__(self):
            super().__init__()
            self.asked, self.seen = Counter(), []

        def generate_until(self, requests, disable_tqdm=False):
            return [self.answer(request) for request in requests]

        def answer(self, request):
            question = request.doc["question_id"]
            self.asked[question] += 1
            self.seen.append((request.args[0], run_context.current().own_request(request).messages, request.args[1]))
            right = question == "add" and self.asked[question] <= 5
            return f"```python\n{ADD if right else 'print(0)'}\n```"

        def loglikelihood(self, requests, disable_tqdm=False):
            raise NotImplementedError

        def loglikelihood_rolling(self, requests, disable_tqdm=False):
            raise NotImplementedError

        def chat_template(self, chat_template=False):
            return "scripted"

        def apply_chat_template(self, history, add_generation_prompt=True):
            return json.dumps(history)

    return Scripted


@pytest.fixture
def data(tmp_path, lcb_rows):
    rows = [
        lcb_rows.make("add"),
        lcb_rows.make("sum", difficulty="hard"),
        lcb_rows.make("hard", difficulty="hard", starter_code="def f():"),
        lcb_rows.make("early", contest_date="2025-01-10T00:00:00"),
    ]
    lcb_rows.write(tmp_path / "data" / "test6.jsonl", rows)
    return tmp_path / "data"


@pytest.fixture
def evaluate(scripted, data, state, monkeypatch):
    """Run lm-eval's own simple_evaluate; returns its results and what the model saw."""
    import lm_eval

    monkeypatch.setenv("SSD_LCB_DATA", str(data))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def run(**arguments):
        model = scripted()
        found = lm_eval.simple_evaluate(
            model=model, bootstrap_iters=100, **{"tasks": ["livecodebench_v6"], **arguments}
        )
        return {**json.loads(json.dumps(found, default=str)), "seen": model.seen}

    return run


PREDICT = {"predict_only": True}


def test_requests_carry_plain_text_and_the_turns_to_render(evaluate):
    seen = evaluate(**PREDICT, metadata={"repeats": 3})["seen"]
    assert len(seen) == 9
    text, messages, arguments = seen[0]
    assert messages == [{"role": "user", "content": text}]
    assert text.startswith("Print the sum of two integers.\n\nWrite a Python program")
    assert text.endswith("block.")
    assert arguments["until"] == []
    assert arguments["do_sample"] is True
    assert "```python\ndef f():\n```" in seen[-1][0]


def test_lm_evals_table_marks_data_that_is_not_the_official(evaluate):
    found = evaluate(**PREDICT, metadata={"repeats": 1})  # of the three rows above
    assert found["results"]["livecodebench_v6"]["alias"] == "livecodebench_v6 (not the official data)"


def test_with_a_chat_template_lm_eval_renders_and_we_do_not(evaluate):
    seen = evaluate(**PREDICT, apply_chat_template=True, system_instruction="Be brief.")["seen"]
    turns = json.loads(seen[0][0])
    assert [turn["role"] for turn in turns] == ["system", "user"]
    assert seen[0][1] is None


def test_system_messages(evaluate):
    found = evaluate(**PREDICT, metadata={"prompt": "ssd/chat-system", "repeats": 1}, system_instruction="Be brief.")
    text, messages, _ = found["seen"][0]
    assert messages[0]["role"] == "system"
    assert messages[0]["content"].startswith("Be brief.\n\nYou are an expert")
    assert text.startswith("Be brief.")
    assert text.endswith(messages[1]["content"])
    seen = evaluate(**PREDICT, metadata={"prompt": "ssd/completion", "repeats": 1})["seen"]
    assert seen[0][1] is None
    assert seen[0][0].endswith("```python\n")


def test_a_prompt_of_ones_own_is_used_exactly(evaluate, tmp_path):
    (tmp_path / "p.txt").write_text("A {% b %} {{question_content}} C")
    found = evaluate(**PREDICT, metadata={"prompt": f"file:{tmp_path / 'p.txt'}", "repeats": 1})
    assert found["seen"][0][0] == "A {% b %} Print the sum of two integers. C"
    assert len(found["configs"]["livecodebench_v6"]["metadata"]["ssd_harness"]["prompt"]["sha256"]) == 64


def test_predictions_alone_need_no_sandbox_and_log_no_test(evaluate, data):
    found = evaluate(**PREDICT, metadata={"sandbox": "none-of-this-name", "repeats": 2}, limit=2)
    samples = found["samples"]["livecodebench_v6"]
    assert [sample["doc"]["question_id"] for sample in samples] == ["add", "sum"]
    row = {"question_id": "add", "sample": 1, "code": ADD}
    assert [json.loads(text) for text in samples[0]["filtered_resps"][0]] == [{**row, "sample": 0}, row]
    row = json.loads((data / "test6.jsonl").read_text().splitlines()[0])
    logged = json.dumps(samples)
    assert row["private_test_cases"] not in logged
    assert "test_cases" not in logged


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"windo": "v6"}, "did you mean 'window'"),
        ({"window": "v9"}, "unknown window"),
        ({"release": "v9"}, "unknown release"),
        ({"release": "v5"}, "no problems in this window"),
        ({"repeats": 0}, "expected a positive integer, got 0"),
        ({"prompt": "file:/nowhere"}, "cannot read the prompt"),
    ],
)
def test_metadata_that_make_no_sense_are_one_line(evaluate, metadata, reason):
    with pytest.raises(UsageError, match=reason):
        evaluate(**PREDICT, metadata=metadata)


@pytest.mark.parametrize(
    ("arguments", "state", "warned"),
    [
        ({}, "none", True),
        ({"apply_chat_template": True}, "lm_eval", False),
        ({"metadata": {"prompt": "ssd/completion", "repeats": 10}}, "raw prompt", False),
    ],
)
def test_the_result_says_who_put_the_chat_template_around(evaluate, caplog, arguments, state, warned):
    found = evaluate(**PREDICT, limit=1, **arguments)
    assert found["configs"]["livecodebench_v6"]["metadata"]["ssd_harness"]["chat_template"] == state
    said = [record for record in caplog.records if "gets it as plain text" in record.getMessage()]
    assert len(said) == warned


def test_a_raw_completion_belongs_into_no_template(evaluate):
    with pytest.raises(UsageError, match="leave --apply_chat_template out"):
        evaluate(**PREDICT, metadata={"prompt": "ssd/completion"}, apply_chat_template=True)


def test_a_k_above_the_repeats_is_left_out_and_said_once(evaluate, caplog):
    evaluate(**PREDICT, limit=1, metadata={"repeats": 5})
    said = [record.getMessage() for record in caplog.records if "pass@10 left out" in record.getMessage()]
    assert said == ["livecodebench_v6: pass@10 left out: some problem has only 5 samples"]


@pytest.mark.docker
@pytest.mark.usefixtures("docker_sandbox")
class TestScored:
    """With programs that run."""

    def test_metrics_and_provenance(self, evaluate, state):
        found = evaluate()
        figures = found["results"]["livecodebench_v6"]
        assert figures["pass@1,none"] == pytest.approx(0.5 / 3)
        assert figures["pass@5,none"] == pytest.approx((1 - 1 / 252) / 3)
        assert figures["pass@1_easy,none"] == 0.5
        assert figures["pass@1_easy_stderr,none"] == "N/A"
        assert figures["pass@1_hard,none"] == 0.0
        assert figures["pass@1_hard_stderr,none"] == 0.0
        assert figures["pass@1_stderr,none"] == pytest.approx(0.5 / 3)
        samples = found["samples"]["livecodebench_v6"]
        rows = [json.loads(text) for text in samples[0]["filtered_resps"][0]]
        assert [row["verdict"] for row in rows] == ["AC"] * 5 + ["WA"] * 5
        made = found["configs"]["livecodebench_v6"]["metadata"]["ssd_harness"]
        assert made["data"]["problems"] == 3
        assert "131 problems" in made["data_warning"]
        assert made["scoring"]["sandbox"]["sandbox"] == "docker"
        assert (made["scoring"]["judged"], made["scoring"]["programs"]) == (4, 30)
        assert made["summary"]["verdicts"] == {"AC": 5, "WA": 25}
        assert made["summary"]["by_month"]["2025-03"]["problems"] == 3
        assert made["summary"]["by_platform"]["atcoder"]["pass@5"] == pytest.approx((1 - 1 / 252) / 3)
        assert made["summary"]["generations"]["tokens"] == "unknown"
        again = evaluate()["configs"]["livecodebench_v6"]["metadata"]["ssd_harness"]["scoring"]
        assert again["judged"] == 0

    @pytest.mark.parametrize(
        ("prompt", "texts", "verdicts"),
        [
            ("ssd/chat", THOUGHTS, {"AC": 3, "NO_CODE": 6}),
            ("ssd/completion", COMPLETIONS, {"AC": 3, "WA": 3, "NO_CODE": 3}),
        ],
    )
    def test_a_log_scores_as_the_run_did(
        self, evaluate, scripted, data, tmp_path, monkeypatch, prompt, texts, verdicts
    ):
        from lm_eval.loggers import EvaluationTracker

        answers = iter(range(9))

        def answer(self, request):
            number = next(answers) % 3
            own = run_context.current().own_request(request)
            own.generations[number] = Generation(texts[number], number, "length")
            return texts[number]

        monkeypatch.setattr(scripted, "answer", answer)
        found = evaluate(metadata={"prompt": prompt, "repeats": 3})
        samples = found["samples"]["livecodebench_v6"]
        tracker = EvaluationTracker(output_path=str(tmp_path / "run.json"))
        tracker.date_id = "now"
        tracker.save_results_samples("livecodebench_v6", samples)
        file = tmp_path / "samples_livecodebench_v6_now.jsonl"
        words = ["score", str(file), "--data", str(data), "--release", "test6", "--out", str(tmp_path / "out")]
        assert main(words) == 0
        ours = found["configs"]["livecodebench_v6"]["metadata"]["ssd_harness"]["summary"]
        summary = json.loads((tmp_path / "out" / "summary.json").read_text())
        assert summary["verdicts"] == ours["verdicts"] == verdicts
        assert summary["published"] == {"compared": 9, "pass_now": [], "fail_now": []}
        assert summary["generations"] == ours["generations"]
        assert ours["generations"]["unfinished_reasoning"] == (3 if texts is THOUGHTS else 0)
        assert ours["generations"]["truncated"] == 9

    def test_few_samples_give_no_pass_at_5_and_an_absent_difficulty_no_figure(self, evaluate):
        figures = evaluate(metadata={"repeats": 4, "judge": "stdio"}, limit=1)["results"]["livecodebench_v6"]
        assert figures["pass@1,none"] == 1.0
        assert figures["pass@1_hard,none"] == "N/A"
        assert "pass@5,none" not in figures

    def test_another_window_by_metadata(self, evaluate):
        found = evaluate(metadata={"window": "2025-01..2025-01", "release": "test6", "repeats": 1})
        made = found["configs"]["livecodebench_v6"]["metadata"]["ssd_harness"]
        assert (made["data"]["window"], made["data"]["problems"]) == ("2025-01..2025-01", 1)

    def test_tests_that_cannot_be_decoded_fail_the_run_and_keep_the_rest(self, evaluate, data, lcb_rows, state):
        rows = [lcb_rows.make("add"), lcb_rows.make("bad", private_test_cases="!")]
        lcb_rows.write(data / "test6.jsonl", rows)
        with pytest.raises(
            InfrastructureError, match=r"programs have no verdict \(IE\): bad#0.*private_test_cases of bad"
        ):
            evaluate()
        journal = (state / "verdicts" / "livecodebench_v6.jsonl").read_text()
        assert journal.count('"add"') == 2
