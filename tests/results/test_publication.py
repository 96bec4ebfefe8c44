"""What goes to the Hub: files, card and manifest, nothing of this machine; and what its refusals look like."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ssd_harness.artifacts import registry
from ssd_harness.cli.main import main
from ssd_harness.errors import ExitCode
from ssd_harness.results.model_card import model_card, public


@pytest.fixture
def checkpoint(state, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"x" * 1000)
    (folder / "config.json").write_text("{}")
    (folder / "README.md").write_text("the base model's own words")
    manifest = {
        "fingerprint": "ab" * 32,
        "base": {"name": "/secret/models/Base-4B", "revision": None, "weights": "sha256 1"},
        "variant": registry.VERIFIED,
        "recipe": {
            "T_train": 1.25,
            "T_eval": 0.9,
            "T_base": 0.7,
            "prompts": "/secret/p|q.jsonl",
            "system_message": "a\n| b",
        },
        "prompts": {"source": "/secret/p.jsonl", "sha256": "cd" * 32, "count": 7, "duplicates": 0},
        "rounds": [{"train": {"losses": [1.0]}}, {"train": {}}],
        "software": {"ssd_harness": "0.1.0"},
    }
    return registry.register("mine", folder, manifest)


def test_the_card_says_what_it_is_and_how_to_decode_from_it(checkpoint):
    import yaml

    card = model_card(checkpoint, licence="apache-2.0")
    head = yaml.safe_load(card.split("---")[1])
    assert head["license"] == "apache-2.0"
    assert head["pipeline_tag"] == "text-generation"
    assert "verified-variant" in head["tags"]
    assert "base_model" not in head  # a folder is no model of the Hub
    assert "**This is a verified variant**" in card
    assert "| T_train | 1.25 |" in card
    assert "| T_eval | 0.9 |" in card
    assert "T_base" not in card  # which is how another model is decoded
    assert "2 rounds" in card
    assert "ab" * 32 in card
    assert "secret" not in card
    assert r"| system_message | a \| b |" in card


def test_a_model_of_the_hub_is_named_as_the_base(checkpoint):
    manifest = {**checkpoint.manifest, "base": {"name": "Qwen/Qwen3-4B-Instruct-2507"}, "variant": registry.PLAIN}
    card = model_card(registry.Checkpoint("mine", checkpoint.path, manifest))
    assert "base_model: Qwen/Qwen3-4B-Instruct-2507" in card
    assert "verified" not in card


def test_paths_of_this_machine_lose_their_folders():
    assert public({"a": ["/x/y", "~/z", "C:\\d\\e", "org/name", 3]}) == {"a": ["y", "z", "C:\\d\\e", "org/name", 3]}


def test_a_dry_run_prints_the_card_and_the_files_and_leaves_nothing(checkpoint, capsys):
    assert main(["models", "push", "mine", "me/mine", "--dry-run"]) == ExitCode.DONE
    out = capsys.readouterr().out
    assert "# mine" in out
    assert "1,000  model.safetensors" in out
    assert "ssd_manifest.json" in out
    assert "the base model's own words" not in out
    assert [path.name for path in registry.models_folder().iterdir() if path.is_dir()] == ["mine"]


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub as an upload of small files asks for."""

    refuse = None

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else self._chunks()
        self.server.asked.append((self.path, body))
        if self.server.refuse in self.path:
            self._answer(403, {"error": "you may not write here\nat all"})
        elif self.path.endswith("/repos/create"):
            self._answer(200, {"url": f"{self.server.address}/me/mine", "name": "me/mine", "id": "1"})
        elif "/preupload/" in self.path:
            files = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in json.loads(body)["files"]
            ]
            self._answer(200, {"files": files})
        else:
            self._answer(
                200, {"commitUrl": f"{self.server.address}/me/mine/commit/1", "commitOid": "1" * 40, "hookOutput": ""}
            )

    def do_GET(self):
        self.server.asked.append((self.path, b""))
        self._answer(200, {"sha": "1" * 40, "siblings": [], "id": "me/mine"})

    def _chunks(self):
        body = b""
        while size := int(self.rfile.readline() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status, content):
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.asked, server.refuse, server.address = [], "\0", f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def push(state, endpoint):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {
        "HF_ENDPOINT": endpoint,
        "HF_TOKEN": "hf_test",
        "SSD_HARNESS_HOME": str(state),
        "HF_HOME": str(state),
    }
    command = [sys.executable, "-m", "ssd_harness", "models", "push", "mine", "me/mine", "--private"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.process
def test_an_upload_sends_every_file_in_one_commit(checkpoint, state, hub):
    done = push(state, hub.address)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{hub.address}/me/mine/commit/1"
    created = next(json.loads(body) for path, body in hub.asked if path.endswith("/repos/create"))
    assert created.get("private") is True or created.get("visibility") == "private"
    commit = next(body for path, body in hub.asked if "/commit/" in path)
    lines = [json.loads(line)["value"] for line in commit.splitlines()]
    assert {line["path"] for line in lines[1:]} == {
        "config.json",
        "model.safetensors",
        "README.md",
        "ssd_manifest.json",
    }
    assert "mine" in lines[0]["summary"]


@pytest.mark.process
def test_a_refusal_and_a_missing_network_are_one_line(checkpoint, state, hub):
    hub.refuse = "/preupload/"
    for endpoint in (hub.address, "http://127.0.0.1:1"):
        done = push(state, endpoint)
        assert done.returncode == ExitCode.INFRASTRUCTURE, done.stderr
        last = done.stderr.rstrip().splitlines()[-1]
        assert last.startswith("ssd-harness: error: the Hub refused the upload: ")
        assert "me/mine" in last
        assert "Traceback" not in done.stderr
        assert "hf_test" not in done.stderr
    assert [path.name for path in registry.models_folder().iterdir() if path.is_dir()] == ["mine"]
