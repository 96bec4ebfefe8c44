"""Hash LiveCodeBench's stories: ``python -m ssd_harness.prompts.overlap.build_table FOLDER``."""

import argparse
from pathlib import Path

from ssd_harness.prompts.overlap import livecodebench


def main(arguments: list[str] | None = None) -> None:
    """Read ``test*.jsonl`` of a folder and write the table beside this file, or where ``--to`` says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds test.jsonl to test6.jsonl of code_generation_lite")
    parser.add_argument("--to", type=Path, default=livecodebench.FILE)
    given = parser.parse_args(arguments)
    rows = sorted(livecodebench.statements_of(sorted(given.folder.glob("test*.jsonl"))))
    if not rows:
        parser.error(f"no row in {given.folder}/test*.jsonl")
    table = livecodebench.count(rows)
    livecodebench.write(table, given.to)
    print(
        f"{given.to}: {len(rows):,} rows, {len(table['numbers']):,} different 4-grams, "
        f"{given.to.stat().st_size / 1e6:.2f} MB"
    )


if __name__ == "__main__":
    main()
