"""Logits of short prompts: a trainer records them, and its checkpoint must reproduce them."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROMPT_TOKENS = 24
"""The most tokens of a prompt whose logits are compared."""
_POSITIONS = 8
"""How many of each prompt's last positions are kept: each has one logit per vocabulary entry."""
EXACT, HALF = "float32", "half"
_TOLERANCES = {EXACT: 1e-3, HALF: 0.1}


@dataclass(frozen=True, slots=True)
class LogitRecord:
    """Prompts and the logits that a model gave for them."""

    prompts: Sequence[Sequence[int]]
    """Token ids."""
    logits: Sequence[Any]
    """A float32 tensor [positions, vocabulary] for each prompt."""
    precision: str
    """``EXACT`` if the model computed in float32 with the weights as they are stored, else ``HALF``."""

    def write(self, path: Path) -> None:
        """Store the record in a safetensors file."""
        import torch
        from safetensors.torch import save_file

        tensors = {f"prompt.{number}": torch.tensor(ids) for number, ids in enumerate(self.prompts)}
        tensors |= {f"logits.{number}": logits.contiguous() for number, logits in enumerate(self.logits)}
        save_file(tensors, path, metadata={"precision": self.precision})


def read_record(path: Path) -> LogitRecord:
    """Read a record that :meth:`LogitRecord.write` stored."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        names = sorted(name for name in file.keys() if name.startswith("prompt."))  # noqa: SIM118 - not a mapping
        prompts = [file.get_tensor(name).tolist() for name in names]
        logits = [file.get_tensor(name.replace("prompt", "logits")) for name in names]
        return LogitRecord(prompts, logits, file.metadata()["precision"])


def short_prompts(rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the start of the first row and the end of the last one, at most ``PROMPT_TOKENS`` tokens each."""
    return [list(rows[0])[:PROMPT_TOKENS], list(rows[-1])[-PROMPT_TOKENS:]]


def logits_of(model: Any, prompts: Iterable[Sequence[int]], device: Any) -> list[Any]:
    """Return float32 logits [positions, vocabulary] on the CPU for each prompt; restore the model's mode."""
    import torch

    training = model.training
    model.eval()
    with torch.no_grad():
        rows = [torch.tensor([list(ids)], device=device) for ids in prompts]
        logits = [model(input_ids=row, use_cache=False).logits[0, -_POSITIONS:].float().cpu() for row in rows]
    model.train(training)
    return logits


def precise_logits_of(model: Any, prompts: Iterable[Sequence[int]], device: Any) -> tuple[list[Any], str]:
    """Return :func:`logits_of` computed in float32, if the model's code can, and the precision used."""
    try:
        with _computing_in_float32(model):
            return logits_of(model, prompts, device), EXACT
    except RuntimeError:  # code that uses another module's weights would mix two precisions
        return logits_of(model, prompts, device), HALF


def tolerance(*precisions: str) -> float:
    """Return how far logits of these precisions may differ."""
    return max(_TOLERANCES[precision] for precision in precisions)


def difference(computed: Any, reference: Any) -> float:
    """Return the root mean square difference of two tensors, relative to the spread of ``reference``."""
    if computed.shape != reference.shape:
        return float("inf")
    return float((computed - reference).square().mean().sqrt() / reference.std().clamp(min=1e-12))


@contextlib.contextmanager
def _computing_in_float32(model: Any) -> Iterator[None]:
    """Convert the half-precision weights of each layer to float32 while it runs, and restore them unchanged.

    Only one layer at a time is in memory twice.
    """
    import torch

    handles = []
    inside: set[str] = set()
    layers = set(getattr(model, "_no_split_modules", None) or ())
    for name, module in model.named_modules():
        if any(name.startswith(f"{prefix}.") for prefix in inside):
            continue
        whole = type(module).__name__ in layers
        if whole:
            inside.add(name)
        widened: list[tuple[Any, Any]] = []

        def widen(module: Any, _: Any, whole: bool = whole, widened: list[tuple[Any, Any]] = widened) -> None:
            for tensor in [*module.parameters(recurse=whole), *module.buffers(recurse=whole)]:
                if tensor.dtype in {torch.bfloat16, torch.float16}:
                    widened.append((tensor, tensor.data))
                    tensor.data = tensor.data.float()

        def narrow(_: Any, __: Any, ___: Any, widened: list[tuple[Any, Any]] = widened) -> None:
            while widened:
                tensor, stored = widened.pop()
                tensor.data = stored

        handles.append(module.register_forward_pre_hook(widen))
        handles.append(module.register_forward_hook(narrow, always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
