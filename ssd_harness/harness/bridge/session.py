"""Several lm_eval command lines in one process: ``python -m ssd_harness.harness.bridge.session PARENT_PID``.

Importing lm_eval and torch takes longer than loading a small model, so evaluations of one checkpoint share it; each is
lm-eval's own command line all the same. Standard input is a JSON list of ``{"folder", "words"}``; standard output gets
one JSON object as each ends; what an evaluation prints goes to ``log.txt`` in its folder.
"""

import contextlib
import gc
import json
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ssd_harness.errors import ExitCode
from ssd_harness.harness import bridge
from ssd_harness.supervisor import die_with

LOG = "log.txt"


def main(parent: int) -> int:
    """Run every command line; one that fails is reported, and the next one goes on."""
    die_with(parent)
    reports = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for job in json.load(sys.stdin):
        with _output_to(Path(job["folder"]) / LOG):
            code, said = _evaluate(job["words"])
        reports.write(json.dumps({"folder": job["folder"], "exit_code": code, "said": said}) + "\n")
        reports.flush()
    return ExitCode.DONE


def _evaluate(words: list[str]) -> tuple[int, str]:
    """Return the exit code that the command would have had, and why if it is not 0."""
    from lm_eval.__main__ import cli_evaluate

    sys.argv = ["lm_eval", *words]
    try:
        cli_evaluate()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
        return code, "" if isinstance(end.code, int | None) else str(end.code)
    except Exception as error:  # noqa: BLE001 - the command would end here, with this traceback
        traceback.print_exc()
        return ExitCode.INFRASTRUCTURE, f"{type(error).__name__}: {error}"
    finally:
        _free_memory()
    return ExitCode.DONE, ""


def _free_memory() -> None:
    gc.collect()
    torch: Any = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


@contextlib.contextmanager
def _output_to(log: Path) -> Iterator[None]:
    """Send standard output and error, of this process and of those that it starts, to ``log``."""
    kept = os.dup(1), os.dup(2)
    with log.open("ab") as stream:
        try:
            for descriptor in (1, 2):
                os.dup2(stream.fileno(), descriptor)
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in zip((1, 2), kept, strict=True):
                os.dup2(original, descriptor)
                os.close(original)


if __name__ == "__main__":
    bridge.activate()
    sys.exit(main(int(sys.argv[1])))
