"""Hash LiveCodeBench's stories: ``python -m ssd_harness.prompts.overlap.build_table FOLDER``."""

import argparse
from pathlib import Path

from ssd_harness.prompts.overlap import livecodebench


def main(arguments: list[str] | None = None) -> None:
    """Read ``test*.jsonl`` in a folder and write the table next to this module, or to ``--to``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds test.jsonl to test6.jsonl of code_generation_lite")
    parser.add_argument("--to", type=Path, default=livecodebench.FILE)
    options = parser.parse_args(arguments)
    rows = sorted(livecodebench.statements_of(sorted(options.folder.glob("test*.jsonl"))))
    if not rows:
        parser.error(f"no rows in {options.folder}/test*.jsonl")
    table = livecodebench.count(rows)
    livecodebench.write(table, options.to)
    print(
        f"{options.to}: {len(rows):,} rows, {len(table['numbers']):,} different 4-grams, "
        f"{options.to.stat().st_size / 1e6:.2f} MB"
    )


if __name__ == "__main__":
    main()
