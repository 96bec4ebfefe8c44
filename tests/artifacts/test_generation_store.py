import json
import subprocess
import sys
from collections import Counter

import pytest

from ssd_harness.artifacts.generation_store import GenerationStore
from ssd_harness.engines.contracts import Continuation, Decoding, GenerationRequest, Stop

IDENTITY = {"weights": "w", "engine": {"engine": "hf@1"}, "seed": 1}
DECODING = Decoding(max_new_tokens=4)
ASKED = GenerationRequest("q1", 0, (5, 6))
MADE = Continuation(ASKED, (7, 8, 2), Stop.EOS)


def read(store, *wanted):
    return list(store.read(wanted, DECODING))


def test_what_was_stored_is_found_by_a_later_run_and_another_rank(state):
    GenerationStore(IDENTITY).append(MADE)
    cut = Continuation(GenerationRequest("q1", 1, (5, 6)), (7, 7, 7, 7), Stop.LENGTH)
    GenerationStore(IDENTITY, rank=1).append(cut)
    found = read(GenerationStore(dict(reversed(IDENTITY.items())), rank=2), ASKED, cut.request)
    assert found == [MADE, cut]


@pytest.mark.parametrize(
    "asked",
    [GenerationRequest("q2", 0, (5, 6)), GenerationRequest("q1", 1, (5, 6)), GenerationRequest("q1", 0, (5, 6, 6))],
)
def test_another_problem_sample_or_prompt_is_not_what_was_stored(state, asked):
    GenerationStore(IDENTITY).append(MADE)
    assert read(GenerationStore(IDENTITY), asked) == []


@pytest.mark.parametrize("change", [{"weights": "x"}, {"engine": {"engine": "hf@2"}}, {"seed": 2}, {"decoding": {}}])
def test_another_model_engine_seed_or_decoding_has_a_store_of_its_own(state, change):
    GenerationStore(IDENTITY).append(MADE)
    other = GenerationStore(IDENTITY | change)
    assert read(other, ASKED) == []
    assert other.folder != GenerationStore(IDENTITY).folder


@pytest.mark.parametrize("length", range(1, 120, 7))
def test_a_line_cut_short_costs_its_sample_alone(state, length):
    store = GenerationStore(IDENTITY)
    store.append(MADE)
    (file,) = store.folder.glob("rank-*.jsonl")
    whole = file.read_bytes()
    file.write_bytes(whole + whole[: min(length, len(whole) - 2)])
    after = Continuation(GenerationRequest("q9", 3, (1,)), (2,), Stop.EOS)
    store.append(after)
    assert read(store, ASKED, after.request) == [MADE, after]


@pytest.mark.parametrize(
    "change",
    [
        {"token_ids": []},
        {"token_ids": ["7"]},
        {"token_ids": [-1]},
        {"token_ids": [1, 1, 1, 1, 1]},
        {"token_ids": None},
        {"stop": "boredom"},
        {"stop": ["eos"]},
        {"index": "0"},
        {"key": None},
    ],
)
def test_a_row_that_cannot_be_is_passed_over(state, change):
    store = GenerationStore(IDENTITY)
    store.append(MADE)
    (file,) = store.folder.glob("rank-*.jsonl")
    row = json.loads(file.read_text())
    file.write_text(json.dumps(row | change) + "\n[]\n3\n\n")
    assert read(store, ASKED) == []


@pytest.mark.process
def test_two_processes_append_to_one_file_at_once(state):
    program = """
import sys
from ssd_harness.engines.contracts import Continuation, GenerationRequest, Stop
from ssd_harness.artifacts.generation_store import GenerationStore
store = GenerationStore({"seed": 1})
sys.stdin.read()
for index in range(300):
    store.append(Continuation(GenerationRequest(sys.argv[1], index, (1,)), (9,) * 999, Stop.EOS))
"""
    writers = [
        subprocess.Popen([sys.executable, "-c", program, name], stdin=subprocess.PIPE) for name in ("first", "second")
    ]
    for writer in writers:
        writer.stdin.close()  # both begin now
    assert [writer.wait() for writer in writers] == [0, 0]
    store = GenerationStore({"seed": 1})
    wanted = [GenerationRequest(name, index, (1,)) for name in ("first", "second") for index in range(300)]
    found = store.read(wanted, Decoding(max_new_tokens=999))
    assert Counter(made.request.key for made in found) == {"first": 300, "second": 300}
