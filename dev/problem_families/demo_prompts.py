"""Write the prompts that the package ships as ``prompts=demo``: ``python -m problem_families.demo_prompts FILE``."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from problem_families import generator

COUNT, SEED = 1024, 0


def rows() -> Iterator[dict[str, str]]:
    """Yield one row a problem: id, statement, starter code and tests, the example of the statement first."""
    for drawn in generator.prompts(seed=SEED, count=COUNT):
        cases = drawn.problem.public + drawn.problem.private
        tests = {
            "inputs": [case.input for case in cases],
            "outputs": [case.output for case in cases],
            "fn_name": drawn.problem.function,
        }
        problem = drawn.problem.row()
        yield {
            "id": drawn.id,
            "question_content": problem["question_content"],
            "starter_code": problem["starter_code"],
            "tests": json.dumps(tests),
        }


def main(arguments: Sequence[str]) -> None:
    """Write all rows as Parquet to the file named by the only argument."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    (path,) = arguments
    pq.write_table(pa.Table.from_pylist(list(rows())), Path(path), compression="zstd", compression_level=19)


if __name__ == "__main__":
    main(sys.argv[1:])
