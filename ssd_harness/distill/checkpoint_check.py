"""Load a finished checkpoint with plain transformers, and compare it with the trained model.

``python -m ssd_harness.distill.checkpoint_check REQUEST PARENT_PID`` does so in a process of its own, on the CPU.
"""

import gc
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ssd_harness.engines import loading, logits
from ssd_harness.errors import InfrastructureError, SsdError
from ssd_harness.supervisor import die_with

RECORD = "logits.safetensors"
"""File in which a trainer stores its logits of two short prompts, beside the checkpoint (:mod:`engines.logits`)."""
_LATER = "samples and training state are kept: run the same command again with a version that writes it whole"


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of a check."""

    folder: str
    """Folder of the checkpoint."""
    base: str | None = None
    """The base model's folder, if known."""
    record: str | None = None
    """The trainer's logits, if there are any."""
    trust_remote_code: bool = False


def check(request: Request) -> dict[str, Any]:
    """Load the checkpoint whole and return its facts: dtype, whether embeddings are tied, and how near its logits are.

    Raises :class:`InfrastructureError`, which names the keys, if any is missing, unexpected or of another shape, if
    embeddings are tied otherwise than in the base, or if the logits are not finite or not the trainer's.
    """
    import torch

    folder = Path(request.folder)
    model = loading.load_whole(folder, trust_remote_code=request.trust_remote_code)
    tied = _tied(model, folder)
    if request.base:
        expected = loading.ties_embeddings(request.base, trust_remote_code=request.trust_remote_code)
        if tied != expected:
            raise InfrastructureError(
                f"tie_word_embeddings is {str(tied).lower()} in the checkpoint and {str(expected).lower()} in its base",
                where=folder,
                next_step="write it with the base's own setting",
            )
    record = logits.read_record(Path(request.record)) if request.record else None
    vocabulary = model.config.get_text_config().vocab_size
    prompts = record.prompts if record else [[token % vocabulary for token in ids] for ids in ((5, 7, 11), (13, 2))]
    computed, precision = logits.precise_logits_of(model, prompts, "cpu")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in computed):
        raise InfrastructureError("the checkpoint's logits are not finite", where=folder)
    facts = {"dtype": str(model.dtype).removeprefix("torch."), "tied": tied}
    if record is None:
        return facts
    apart = max(logits.difference(*pair) for pair in zip(computed, record.logits, strict=True))
    allowed = logits.tolerance(precision, record.precision)
    if not apart <= allowed:
        raise InfrastructureError(
            f"the checkpoint's logits differ from the trainer's by {apart:.2g} of their spread, {allowed:g} is allowed",
            where=folder,
        )
    return facts | {"logits_within": allowed}


def check_apart(request: Request) -> dict[str, Any]:
    """Run :func:`check` in another process, without accelerators and outside of a distributed launch."""
    from ssd_harness.distill.stage_process import without_ranks

    command = [sys.executable, "-P", "-m", __spec__.name, json.dumps(asdict(request)), str(os.getpid())]
    environment = {**without_ranks(), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False)
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    try:
        answer: Mapping[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        ended = f"was ended by signal {-done.returncode}" if done.returncode < 0 else "failed"
        raise InfrastructureError(
            f"loading the checkpoint {ended}", where=request.folder, next_step="free memory and run it again"
        ) from None
    if "failed" in answer:
        raise InfrastructureError(**answer["failed"])
    return dict(answer)


def check_trained(request: Request, *, alone: bool) -> dict[str, Any]:
    """Check a trainer's checkpoint; ``alone`` means that this process holds no accelerator and is the only rank."""
    gc.collect()  # the trainer's model
    try:
        return check(request) if alone else check_apart(request)
    except InfrastructureError as error:
        raise InfrastructureError(
            f"the trained checkpoint is not whole, and nothing was registered: {error.what}",
            where=error.where,
            next_step=error.next_step or _LATER,
        ) from error


def main(request: str, parent: int) -> None:
    """Print the facts, or the reason of a failure, as one line of JSON."""
    die_with(parent)
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries print too
    try:
        facts = check(Request(**json.loads(request)))
    except SsdError as error:
        failed = {"what": error.what, "where": error.where and str(error.where), "next_step": error.next_step}
        facts = {"failed": failed}
    answer.write(json.dumps(facts) + "\n")
    answer.flush()


def _tied(model: Any, folder: Path) -> bool:
    """Return whether input and output embeddings are one tensor; raises if the configuration says otherwise."""
    declared = loading.says_tied(model.config)
    output = model.get_output_embeddings()
    if output is None:
        return declared
    tied = output.weight is model.get_input_embeddings().weight
    if declared and not tied:
        raise InfrastructureError(
            "config.json says that the embeddings are tied, but the weights hold an lm_head of their own", where=folder
        )
    return declared


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
