"""lm-eval's API models against a local server: each sample of a problem has a seed of its own, or is not counted."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from ssd_harness.cli.main import main
from ssd_harness.harness import run_context
from ssd_harness.harness.evaluation_request import EvaluationRequest
from ssd_harness.harness.patches.sample_seeds import seed_of, wrap_evaluate
from ssd_harness.harness.run_context import RunContext

TASK = "livecodebench_mini"


@pytest.fixture
def server():
    """Serve completions that prompt and seed decide; with ``ignores_seed`` the prompt alone. Keeps the requests."""
    asked = []
    settings = SimpleNamespace(asked=asked, ignores_seed=False)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append(body)
            prompt = body.get("messages") or body["prompt"]
            seed = 0 if settings.ignores_seed else body.get("seed")
            text = hashlib.sha256(json.dumps([prompt, seed]).encode()).hexdigest()[:8]
            answer = f"```python\nprint('{text}')\n```"
            choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "text": answer}
            data = json.dumps({"choices": [choice]}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    settings.url = f"http://127.0.0.1:{serving.server_port}/v1"
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield settings
    serving.shutdown()
    thread.join()
    serving.server_close()


def command(server, model, *words, repeats=5):
    path = "chat/completions" if "chat" in model else "completions"
    arguments = f"base_url={server.url}/{path},model=m,tokenizer_backend=None,tokenized_requests=False"
    options = ("--output_path", "out", "--log_samples", "--limit", "2", "--metadata", json.dumps({"repeats": repeats}))
    return "-m", "lm_eval", "--model", model, "--model_args", arguments, "--tasks", TASK, *options, *words


def made_of(folder):
    (found,) = folder.rglob("results_*.json")
    results = json.loads(found.read_text())
    return results, results["configs"][TASK]["metadata"]["ssd_harness"]


def seeds_by_prompt(asked):
    seeds = {}
    for body in asked:
        seeds.setdefault(json.dumps(body.get("messages") or body["prompt"]), []).append(body["seed"])
    return seeds


@pytest.mark.process
@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("local-completions", ("--gen_kwargs", "seed=7,temperature=0.8")),
        ("local-chat-completions", ("--apply_chat_template",)),
    ],
)
def test_each_sample_of_a_problem_has_a_seed_of_its_own(run, tmp_path, server, model, words):
    done = run(*command(server, model, "--predict_only", *words))
    assert done.returncode == 0, done.stderr
    seeds = seeds_by_prompt(server.asked)
    expected = [seed_of(7 if "--gen_kwargs" in words else 1234, sample) for sample in range(5)]
    assert list(seeds.values()) == [expected, expected]
    _, made = made_of(tmp_path / "out")
    assert "equal_samples" not in made
    if "--gen_kwargs" not in words:
        assert made["sample_seeds"] == expected
    (samples,) = (tmp_path / "out").rglob("samples_*.jsonl")
    for line in samples.read_text().splitlines():
        row = json.loads(line)
        prompt = row["arguments"]["gen_args_0"]["arg_0"]
        prompt = json.loads(prompt[0]) if isinstance(prompt, list) else prompt
        texts = [hashlib.sha256(json.dumps([prompt, seed]).encode()).hexdigest()[:8] for seed in expected]
        assert [text in answer for text, answer in zip(texts, row["resps"][0], strict=True)] == [True] * 5


@pytest.mark.docker
@pytest.mark.usefixtures("docker_sandbox")
def test_equal_samples_are_said_and_leave_pass_at_5_out(run, tmp_path, server, capsys):
    server.ignores_seed = True
    done = run(*command(server, "local-completions"))
    assert done.returncode == 0, done.stderr
    results, made = made_of(tmp_path / "out")
    figures = results["results"][TASK]
    assert "pass@1,none" in figures
    assert [name for name in (*figures, *results["higher_is_better"][TASK]) if name.startswith("pass@5")] == []
    assert "pass@5 left out: all samples of a problem are the same text (2 of 2 problems)" in made["equal_samples"]
    assert made["summary"]["left_out"] == made["equal_samples"]
    assert "pass@5" not in made["summary"]["all"]
    assert made["equal_samples"] in done.stderr + done.stdout
    assert "pass@5" not in done.stdout.replace(made["equal_samples"], "")
    assert main(["compare", f"one={tmp_path / 'out'}"]) == 0
    shown = capsys.readouterr().out
    assert "one: all samples of a problem are the same text, so pass@k is left out for k > 1" in shown
    assert "pass@5" not in shown


@pytest.mark.process
def test_concurrent_requests_keep_their_samples_apart(run, server):
    words = list(command(server, "local-completions", "--predict_only"))
    words[words.index("--model_args") + 1] += ",num_concurrent=4"
    done = run(*words)
    assert done.returncode == 0, done.stderr
    expected = sorted(seed_of(1234, sample) for sample in range(5))
    assert [sorted(seeds) for seeds in seeds_by_prompt(server.asked).values()] == [expected, expected]


class Api:
    """What matters of lm-eval's API classes."""

    def __init__(self, sends=True):
        self._seed, self.sends, self.seen = 1234, sends, []

    def _create_payload(self, text, seed):
        return {"prompt": text, **({"seed": seed} if self.sends else {})}

    def generate_until(self, requests, disable_tqdm=False):
        self.seen += [(request.args[0], self._create_payload(request.args[0], self._seed)) for request in requests]
        return [f"{request.args[0]} {self._seed}" for request in requests]


def instance(text, repeats):
    return SimpleNamespace(args=(text, {}), repeats=repeats, task_name=text, doc_id=0)


@pytest.mark.parametrize(("sends", "noted"), [(True, tuple(seed_of(1234, n) for n in range(2))), (False, ())])
def test_only_our_requests_change_and_only_what_was_sent_is_noted(sends, noted):
    model = Api(sends)
    foreign, own = instance("foreign", 2), instance("own", 2)
    asked = [foreign, own, own, foreign]
    evaluator = SimpleNamespace(evaluate=lambda lm, task_dict: lm.generate_until(asked))
    wrap_evaluate(evaluator)
    with run_context.entered(RunContext(EvaluationRequest())) as context:
        context.add_request(own, None)
        answers = evaluator.evaluate(model, {})
    first, second = (seed_of(1234, n) for n in range(2))
    assert answers == ["foreign 1234", f"own {first}", f"own {second}", "foreign 1234"]
    assert context.sample_seeds == noted
    assert model._seed == 1234
    assert "generate_until" not in vars(model)


def test_seeds_differ_within_a_run_and_between_neighbouring_runs():
    runs = [{seed_of(base, sample) for sample in range(100)} for base in range(50)]
    assert len(set().union(*runs)) == 50 * 100
    assert all(0 <= seed < 2**31 for seeds in runs for seed in seeds)
