import base64
import contextlib
import io
import json
import os
import pickle
import shutil
import sys
import tempfile
import zlib
from collections import deque
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import pytest

from ssd_harness.errors import SsdError

pytest_plugins = ["quick_loop", "cost_recorder"]  # --quick, --costs

# How long an example takes depends on what else the machine does.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")

LCB_FIXTURES = Path(os.environ.get("SSD_LCB_FIXTURES") or Path(__file__).parents[2] / "shared" / "lcb")


def pytest_collection_modifyitems(items):
    """Put files with slow tests first: a long one drawn last would keep one of several processes busy alone."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def _encode(tests, protocol=4):
    """Encode tests as the LiveCodeBench data set does."""
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(tests), protocol=protocol))).decode()


def _row(question_id="q1", **changes):
    """A whole row of the data set; two tests: add two integers."""
    row = {
        "question_title": "Add",
        "question_content": "Print the sum of two integers.",
        "platform": "atcoder",
        "question_id": question_id,
        "contest_id": "c1",
        "contest_date": "2025-03-01T00:00:00",
        "starter_code": "",
        "difficulty": "easy",
        "public_test_cases": json.dumps([{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}]),
        "private_test_cases": _encode([{"input": "2 2\n", "output": "4\n", "testtype": "stdin"}]),
        "metadata": "{}",
    }
    return {**row, **changes}


def _write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def lcb_rows():
    """Build LiveCodeBench rows: ``make(question_id, **changes)``, ``encode(tests)``, ``write(path, rows)``."""
    return SimpleNamespace(make=_row, encode=_encode, write=_write)


@pytest.fixture(scope="session")
def lm_eval_task():
    """Write a task as a user does: ``write(folder, name, rows)`` puts NAME.yaml into ``folder/tasks``, and its rows."""

    def write(folder, name, rows):
        data = _write(folder / f"{name}.jsonl", rows)
        config = {
            "task": name,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(data)}},
            "test_split": "test",
            "output_type": "generate_until",
            "doc_to_text": "{{question}}",
            "doc_to_target": "{{answer}}",
            "generation_kwargs": {"until": [], "max_gen_toks": 8, "do_sample": False},
            "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
        }
        _write(folder / "tasks" / f"{name}.yaml", [config])  # JSON is YAML

    return write


@pytest.fixture
def state(tmp_path, monkeypatch):
    """A state folder of the test's own, and no data folder from outside."""
    monkeypatch.setenv("SSD_HARNESS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SSD_LCB_DATA", raising=False)
    return tmp_path / "home"


@pytest.fixture(scope="session")
def lcb_fixtures():
    """The folder with real LiveCodeBench rows and programs."""
    if not (LCB_FIXTURES / "code_generation_lite").is_dir():
        pytest.skip(f"no real LiveCodeBench rows at {LCB_FIXTURES} (SSD_LCB_FIXTURES)")
    return LCB_FIXTURES


@pytest.fixture
def shared(monkeypatch):
    """A folder that another user can reach, with the state folder in it."""
    folder = Path(tempfile.mkdtemp(prefix="ssd-shared-"))
    folder.chmod(0o755)
    monkeypatch.setenv("SSD_HARNESS_HOME", str(folder / "home"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def as_nobody():
    """Do some work in a process of user nobody, with the same group; return what it returned or the error's text.

    Whatever it imports must be imported already: the interpreter may be where nobody cannot read.
    """
    if os.geteuid() != 0:
        pytest.skip("becoming another user needs root")

    def do(work):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.setgroups([])
                os.setgid(os.getgid())
                os.setuid(65534)
                said = work()
            except SsdError as error:
                said = f"{type(error).__name__}: {error}"
            except BaseException as error:  # noqa: BLE001 - the child must not go on as pytest
                said = f"traceback {error!r}"
            os.write(writing, str(said).encode())
            os._exit(0)
        os.close(writing)
        os.waitpid(child, 0)
        with os.fdopen(reading) as stream:
            return stream.read()

    return do


def _passes(program, function, case):
    """Run one of our own programs on one test in this process, as LiveCodeBench would."""
    names = {"List": list, "deque": deque, "__name__": "program"}
    if function:
        exec(program, names)
        returned = getattr(names["Solution"](), function)(*map(json.loads, case.input.split("\n")))
        return returned == json.loads(case.output)
    printed, before = io.StringIO(), sys.stdin
    sys.stdin = io.StringIO(case.input)
    try:
        with contextlib.redirect_stdout(printed):
            exec(program, names)
    finally:
        sys.stdin = before
    return printed.getvalue().strip() == case.output.strip()


@pytest.fixture(scope="session")
def solves():
    """Tell whether a program passes all tests of a problem; an exception is a failure."""

    def solves(program, problem):
        for case in problem.public + problem.private:
            try:
                if not _passes(program, problem.function, case):
                    return False
            except (ArithmeticError, LookupError, NameError, TypeError, ValueError):
                return False
        return True

    return solves


def _sandbox(make):
    """A sandbox that works, its image or root file system built if need be; skipped where none can, unless that is an error."""
    from ssd_harness.errors import SsdError
    from ssd_harness.sandbox.interface import ImageMissing

    sandbox = make()
    try:
        try:
            sandbox.check()
        except ImageMissing:
            sandbox.build()
            sandbox.check()
    except SsdError as error:
        if os.environ.get("SSD_REQUIRE_DOCKER") == "1":
            pytest.fail(f"SSD_REQUIRE_DOCKER=1, but {error}")
        pytest.skip(str(error))
    return sandbox


@pytest.fixture(scope="session")
def docker_sandbox():
    """The Docker sandbox, with its image."""
    from ssd_harness.plugins.docker.sandbox import DockerSandbox

    with _sandbox(DockerSandbox) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def process_sandbox():
    """The process sandbox, with its root file system."""
    from ssd_harness.sandbox.process import ProcessSandbox

    with _sandbox(ProcessSandbox) as sandbox:
        yield sandbox


def _tiny_model(folder, **shape):
    """Write a random two-layer Qwen3 with a byte-level tokenizer and a chat template, and return its folder."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    tokens = ["<pad>", "<|im_start|>", "<|im_end|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<|im_end|>")
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    fast.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    config = Qwen3Config(
        vocab_size=len(tokens),
        intermediate_size=64,
        num_hidden_layers=2,
        num_key_value_heads=2,
        **shape,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        eos_token_id=2,
        pad_token_id=0,
        initializer_range=0.15,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Qwen3ForCausalLM(config)
    model.generation_config.update(temperature=0.9, top_k=30, top_p=0.95, do_sample=True)
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """The folder of a random two-layer Qwen3 with a byte-level tokenizer and a chat template."""
    pytest.importorskip("torch")
    return _tiny_model(tmp_path_factory.mktemp("models") / "tiny", hidden_size=32, num_attention_heads=4, head_dim=8)


@pytest.fixture(scope="session")
def tiny_vllm_model(tmp_path_factory):
    """The same with heads as large as vLLM's attention on the CPU wants them."""
    folder = tmp_path_factory.mktemp("models") / "tiny-vllm"
    return _tiny_model(folder, hidden_size=64, num_attention_heads=2, head_dim=32)


@pytest.fixture
def untemplated_model(tmp_path):
    """Return the folder of the embedded model without its chat template."""
    from ssd_harness.artifacts.base_model import demo_folder

    folder = tmp_path / "untemplated"
    shutil.copytree(demo_folder(), folder)
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder
