"""A folder of data files with the real layout and size: 1,055 rows, 4.5 GB, one row of 92 MB."""

import base64
import json
import pickle
import random
import zlib
from pathlib import Path

# (file, rows, bytes); the months as in the data set.
FILES = (
    ("test.jsonl", 400, 1250, "2023-09"),
    ("test2.jsonl", 111, 710, "2024-04"),
    ("test3.jsonl", 101, 620, "2024-06"),
    ("test4.jsonl", 101, 1200, "2024-08"),
    ("test5.jsonl", 167, 560, "2024-11"),
    ("test6.jsonl", 175, 130, "2025-03"),
)
LARGEST = 92
"""Megabytes of the largest row."""


def encoded(megabytes: float, seed: int = 0) -> str:
    """Private tests in the data set's encoding, about so many megabytes of it."""
    # Hexadecimal digits compress to a little over half, so that what comes out has the wanted length.
    digits = random.Random(seed).randbytes(int(megabytes * 1e6 * 0.64)).hex()
    tests = [{"input": digits, "output": "1\n", "testtype": "stdin"}]
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(tests)), 1)).decode()


def row(question_id: str, private: str, date: str) -> bytes:
    fields = {
        "question_title": "T",
        "question_content": "Read two integers and print their sum. " * 40,
        "platform": "atcoder",
        "question_id": question_id,
        "contest_id": "c",
        "contest_date": date,
        "starter_code": "",
        "difficulty": "easy",
        "public_test_cases": json.dumps([{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}]),
        "private_test_cases": private,
        "metadata": "{}",
    }
    return json.dumps(fields).encode() + b"\n"


def write(folder: Path, *, share: float = 1.0) -> int:
    """Write the files, ``share`` of their sizes, and return the bytes; the largest row keeps its own."""
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    for number, (name, rows, megabytes, month) in enumerate(FILES):
        largest = LARGEST if name == "test4.jsonl" else 0
        usual = encoded((megabytes - largest) / rows * share, number)
        with (folder / name).open("wb") as stream:
            for index in range(rows):
                private = encoded(LARGEST, 99) if largest and index == rows // 2 else usual
                total += stream.write(row(f"{name[:-6]}_{index}", private, f"{month}-01T00:00:00"))
    return total
