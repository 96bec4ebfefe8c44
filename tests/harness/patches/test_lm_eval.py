"""The real lm_eval in processes of its own: with the hook, without it, and through ``ssd-harness eval``."""

import json

import pytest

from ssd_harness.engines.loading import pick_device

pytestmark = pytest.mark.process

RUN = ("--model", "dummy", "--tasks", "livecodebench_mini", "--limit", "2", "--predict_only")


def python(run, program, **environment):
    done = run("-c", program, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def results(folder):
    (found,) = folder.rglob("results_*.json")
    return json.loads(found.read_text())


def assert_hook(run):
    if not python(run, "import sys; print(int('ssd_harness.startup_hook' in sys.modules))"):
        pytest.fail("the start-up hook is not installed in this environment: run pip install -e .")


MODELS = """
import json
from lm_eval.api.registry import get_model, model_registry
from lm_eval.models import MODEL_MAPPING

get_model("dummy")
print(json.dumps(["ssd-hf" in model_registry, set(MODEL_MAPPING) <= set(model_registry)]))
"""


def test_every_built_in_model_is_still_there_and_ours_with_it(run):
    assert_hook(run)
    assert python(run, MODELS) == [True, True]
    assert python(run, MODELS, SSD_HARNESS_NO_HOOK="1") == [False, True]


TASKS = """
import json
from lm_eval.tasks import TaskManager

print(json.dumps(TaskManager().all_tasks))
"""


@pytest.mark.slow
def test_every_built_in_task_is_still_there_and_ours_with_it(run):
    with_hook = set(python(run, TASKS))
    without = set(python(run, TASKS, SSD_HARNESS_NO_HOOK="1"))
    assert without < with_hook
    assert len(without) > 10_000
    assert {"livecodebench_v6", "livecodebench_v5", "livecodebench_mini"} <= with_hook - without
    # What lets a wildcard over our names leave the built-in tasks unread.
    assert [name for name in without if name.startswith("livecodebench")] == []


@pytest.mark.parametrize("command", [("-m", "lm_eval"), ("-m", "lm_eval", "run"), ("-m", "ssd_harness", "eval")])
def test_our_task_runs_under_a_stock_model(run, tmp_path, command):
    environment = {"SSD_HARNESS_NO_HOOK": "1"} if "ssd_harness" in command else {}
    done = run(*command, *RUN, "--output_path", tmp_path / "out", **environment)
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "out")["n-samples"]["livecodebench_mini"]["effective"] == 2


def test_without_the_hook_lm_eval_says_clearly_that_it_does_not_know_us(run):
    done = run("-m", "lm_eval", *RUN, "--output_path", "out", SSD_HARNESS_NO_HOOK="1")
    assert done.returncode != 0
    assert "Tasks not found: livecodebench_mini" in done.stderr


def test_own_command_shows_lm_evals_help(run):
    done = run("-m", "ssd_harness", "eval", "run", "--help", SSD_HARNESS_NO_HOOK="1")
    assert done.returncode == 0
    assert "--model_args" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("--metadata", '{"windw": "v6"}'), 2, "did you mean 'window'?"),
        (("--metadata", '{"window": "v7"}'), 2, "unknown window 'v7'"),
        (("--use_cache", "cache"), 2, "--use_cache"),
        (("--cache_requests", "true"), 2, "--cache_requests"),
    ],
)
def test_an_expected_failure_is_one_line_and_comes_before_the_model(run, words, code, line):
    done = run("-m", "lm_eval", *RUN, "--output_path", "out", *words)
    assert done.returncode == code, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ssd-harness: error: ")
    assert line in last
    assert "Traceback" not in done.stderr
    assert "Initializing dummy model" not in done.stderr


def test_an_unexpected_failure_of_ours_is_one_line_and_one_of_lm_evals_is_its_own(run, tmp_path):
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    own = "class: !function ssd_harness.harness.task.livecodebench_task.LivecodebenchTask\ntest_split: test\noutput_type: generate_until\n"
    (tasks / "ours.yaml").write_text(f"task: ours\n{own}dataset_kwargs: [1]\n")
    (tasks / "theirs.yaml").write_text("task: theirs\ndataset_path: json\ntest_split: test\noutput_type: nonsense\n")
    words = ("-m", "lm_eval", "--model", "dummy", "--include_path", "tasks", "--predict_only", "--output_path", "out")
    done = run(*words, "--tasks", "ours")
    assert done.returncode == 3, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ssd-harness: error: unexpected AttributeError")
    assert "Traceback" not in done.stderr
    (log,) = (tmp_path / "home" / "logs").iterdir()
    assert str(log) in last
    done = run(*words, "--tasks", "theirs")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ssd-harness" not in done.stderr.splitlines()[-1]


def test_missing_data_is_said_before_the_model(run, tmp_path):
    words = ["livecodebench_v6" if word == "livecodebench_mini" else word for word in RUN]
    done = run("-m", "lm_eval", *words, "--output_path", "out", SSD_LCB_DATA=str(tmp_path))
    assert done.returncode == 3, done.stderr
    assert "test6.jsonl" in done.stderr.splitlines()[-1]
    assert "Initializing dummy model" not in done.stderr


def test_no_engine_is_said_before_the_model(run):
    done = run(
        "-m", "lm_eval", "--model", "dummy", "--tasks", "livecodebench_mini", DOCKER_HOST="unix:///nowhere/docker.sock"
    )
    assert done.returncode == 3, done.stderr
    assert "Initializing dummy model" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("ssd-harness: error: ")


SURPRISE = """
import json, sys
sys.modules["ssd_harness.harness.patches.discovery"] = None  # importing it now fails
from lm_eval.api.registry import get_model
import lm_eval.models, lm_eval.evaluator, lm_eval.tasks.manager

print(json.dumps(get_model("dummy").__name__))
"""


def test_a_patch_that_fails_is_one_warning_and_lm_eval_goes_on(run):
    done = run("-c", SURPRISE)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == "DummyLM"
    assert done.stderr.count("lm_eval continues without it") == 1


LIBRARY = """
import json, lm_eval
from lm_eval.tasks import TaskManager
from ssd_harness.harness import run_context
from ssd_harness.harness.task import livecodebench_task

seen = []
original = livecodebench_task.LivecodebenchTask.__init__
def __init__(self, config=None):
    original(self, config)
    seen.append(run_context.current().request)
livecodebench_task.LivecodebenchTask.__init__ = __init__
lm_eval.simple_evaluate("dummy", tasks=["livecodebench_mini"], limit=1, predict_only=True, metadata={"repeats": 2})
(request,) = seen
print(json.dumps([request.own_tasks, request.metadata, run_context.current().request]))
"""


def test_library_use_is_captured_too(run):
    assert python(run, LIBRARY) == [["livecodebench_mini"], {"repeats": 2}, None]


@pytest.fixture
def base(tiny_model):
    return f"pretrained={tiny_model},rounds=0"


@pytest.mark.hf
@pytest.mark.docker
def test_our_model_on_our_task_needs_no_further_flag(run, tmp_path, base, docker_sandbox):
    words = ("--model", "ssd-hf", "--model_args", base, "--tasks", "livecodebench_mini", "--limit", "2")
    done = run("-m", "lm_eval", *words, "--gen_kwargs", "max_gen_toks=8", "--output_path", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    found = results(tmp_path / "out")
    scored = found["results"]["livecodebench_mini"]
    assert scored["pass@1,none"] == 0.0  # a random model
    assert "pass@5,none" in scored
    config, used = found["config"], found["configs"]["livecodebench_mini"]["generation_kwargs"]
    assert config["gen_kwargs"] == used
    assert used["max_gen_toks"] == 8
    assert f"gen_kwargs: ({used})" in done.stdout
    assert config["device"] == config["ssd"]["device"]["used"] == pick_device()
    assert config["ssd"]["device"]["given"] is None  # lm-eval's own default is cuda:0
    made = found["configs"]["livecodebench_mini"]["metadata"]["ssd_harness"]
    assert made["chat_template"] == "model"
    facts = made["summary"]["generations"]
    assert facts["generations"] == facts["tokens_known"] == facts["truncation_known"] == 20
    assert facts["truncated"] <= 20
    assert facts["tokens_per_sample"] <= 8


FOREIGN = """
task: count_up
dataset_path: json
dataset_kwargs: {data_files: rows.jsonl}
test_split: train
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["x"], max_gen_toks: 4}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
"""


EVALUATE_FOREIGN = """
import json, sys
import lm_eval
from lm_eval.tasks import TaskManager

manager = TaskManager(include_path="tasks", include_defaults=False)
asked = {"model_args": sys.argv[1], "tasks": ["count_up"], "device": "cpu"}
done = lm_eval.simple_evaluate("ssd-hf", task_manager=manager, **asked)
print(json.dumps(done["n-samples"]["count_up"]["effective"]))
"""


@pytest.mark.hf
def test_our_model_on_other_tasks_needs_no_engine(run, tmp_path, base):
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/count_up.yaml").write_text(FOREIGN)
    (tmp_path / "rows.jsonl").write_text('{"question": "1 2 3", "answer": "4"}\n')
    done = run("-c", EVALUATE_FOREIGN, base, DOCKER_HOST="unix:///nowhere/docker.sock")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "1"
