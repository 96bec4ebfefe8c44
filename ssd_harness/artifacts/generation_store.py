"""Store generations on disk as they finish, so that a killed evaluation loses none.

They are looked up by everything that decides their content. Engines do not use this store; the transform stores its
samples in shards instead.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ssd_harness import storage
from ssd_harness.engines.contracts import Continuation, Decoding, GenerationRequest, Stop
from ssd_harness.home import home


class GenerationStore:
    """The continuations of one model under one decoding and seed: a folder with one append-only file per rank.

    ``identity`` has everything that decides a continuation besides prompt, key and index, as JSON values. Several
    processes may append to one file at the same time. A line that a kill truncated is skipped, and its continuation is
    drawn again.
    """

    def __init__(self, identity: Mapping[str, Any], *, rank: int = 0) -> None:
        self.identity = dict(identity)
        self.id = hashlib.sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()[:16]
        self.folder = home() / "generations" / self.id
        self._file = self.folder / f"rank-{rank}.jsonl"

    def in_use(self) -> contextlib.AbstractContextManager[None]:
        """Hold a lock that stops ``ssd-harness cache prune`` from removing the folder while the block runs."""
        return storage.shared_lock(self.folder / "lock")

    def read(self, requests: Iterable[GenerationRequest], decoding: Decoding) -> Iterator[Continuation]:
        """Yield each requested continuation that is stored, once."""
        missing = {(request.key, request.index, _prompt_hash(request.prompt_ids)): request for request in requests}
        for file in sorted(self.folder.glob("rank-*.jsonl")):
            for row in _rows(file):
                request = missing.get((row["key"], row["index"], row["prompt"]))
                if request and len(row["token_ids"]) <= decoding.max_new_tokens:
                    del missing[row["key"], row["index"], row["prompt"]]
                    yield Continuation(request, tuple(row["token_ids"]), Stop(row["stop"]))

    def append(self, continuation: Continuation) -> None:
        """Store one continuation, whole or not at all."""
        if not (self.folder / "about.json").exists():
            storage.write_json(self.folder / "about.json", self.identity)
        request = continuation.request
        row = {
            "key": request.key,
            "index": request.index,
            "prompt": _prompt_hash(request.prompt_ids),
            "token_ids": continuation.token_ids,
            "stop": continuation.stop.value,
        }
        storage.append_line(self._file, json.dumps(row, separators=(",", ":")).encode())


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    with file.open("rb") as stream:
        for line in stream:
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if _is_sound(row):
                yield row


def _is_sound(row: Any) -> bool:
    if not isinstance(row, dict):
        return False
    texts = all(isinstance(row.get(name), str) for name in ("key", "prompt", "stop"))
    ids = row.get("token_ids")
    tokens = isinstance(ids, list) and bool(ids) and all(type(token) is int and token >= 0 for token in ids)
    return texts and tokens and type(row.get("index")) is int and row["stop"] in set(Stop)


def _prompt_hash(prompt_ids: tuple[int, ...]) -> str:
    return hashlib.sha256(json.dumps(prompt_ids).encode()).hexdigest()[:32]
