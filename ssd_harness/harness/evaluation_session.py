"""Run several lm_eval commands in one process: ``python -m ssd_harness.harness.evaluation_session PARENT_PID``.

Importing lm_eval and torch takes longer than loading a small model, so the evaluations of one checkpoint share a
process. Standard input is a JSON list of ``{"folder", "words"}``. Standard output gets one JSON object as each command
ends. What a command prints goes to ``log.txt`` in its folder.
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
from ssd_harness.harness import lm_eval_command
from ssd_harness.harness.patches.command_errors import expected_cause
from ssd_harness.supervisor import die_with

LOG = "log.txt"


def main(parent: int) -> int:
    """Run every command; report one that fails and go on with the next."""
    die_with(parent)
    reports = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for job in json.load(sys.stdin):
        with _output_to(Path(job["folder"]) / LOG):
            code, message = _evaluate(job["words"])
        reports.write(json.dumps({"folder": job["folder"], "exit_code": code, "message": message}) + "\n")
        reports.flush()
    return ExitCode.DONE


def _evaluate(words: list[str]) -> tuple[int, str]:
    """Return the command's exit code, and an error message if it is not 0."""
    try:
        lm_eval_command.run(words)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
        return code, str(expected_cause(end) or ("" if isinstance(end.code, int | None) else end.code))
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
    """Send standard output and error, of this process and its children, to ``log``."""
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
    sys.exit(main(int(sys.argv[1])))
