"""transformers as a backend of generation: load a model, and answer for the library's arguments."""

import inspect
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssd_harness.engines import loading
from ssd_harness.engines.contracts import LoadOptions
from ssd_harness.errors import UsageError

if TYPE_CHECKING:
    from ssd_harness.plugins.transformers_engine.engine import HfEngine

_MODEL_ARGUMENTS = frozenset(
    {
        "attn_implementation",
        "cache_dir",
        "device_map",
        "experts_implementation",
        "force_download",
        "local_files_only",
        "low_cpu_mem_usage",
        "max_memory",
        "proxies",
        "token",
        "torch_dtype",
        "use_kernels",
        "use_safetensors",
    }
)
"""``from_pretrained`` takes any keyword; these are the ones that it uses, so that a misspelt one is noticed."""
_IMPLEMENTATIONS = ("attn_implementation", "experts_implementation")


class TransformersBackend:
    """Loads models with transformers; see :class:`ssd_harness.engines.contracts.EngineBackend`."""

    def require(self) -> None:
        """Raise :class:`UsageError` if torch or transformers is not installed."""
        if missing := [name for name in ("torch", "transformers") if find_spec(name) is None]:
            raise UsageError(f"not installed: {', '.join(missing)}", next_step="pip install 'ssd-harness[hf]'")

    def load(self, folder: Path, options: LoadOptions, *, stop_ids: Iterable[int]) -> "HfEngine":
        """Load the model in ``folder`` in evaluation mode."""
        device = loading.pick_device(options.device)
        model = loading.load_model(
            folder,
            device=device,
            dtype=loading.pick_dtype(options.dtype, device),
            dequantize=options.dequantize,
            trust_remote_code=options.trust_remote_code,
        )
        return self.wrap(model, stop_ids=stop_ids, rows=options.rows)

    def wrap(self, model: Any, *, stop_ids: Iterable[int], rows: int | None = None) -> "HfEngine":
        """Return an engine over a ``PreTrainedModel`` in evaluation mode."""
        from ssd_harness.plugins.transformers_engine.engine import HfEngine

        return HfEngine(model, stop_ids=stop_ids, rows=rows)

    def model_arguments(self) -> frozenset[str]:
        """Return the keywords that ``from_pretrained`` uses."""
        return _MODEL_ARGUMENTS

    def check_model_arguments(self, folder: Path, arguments: Mapping[str, Any]) -> None:
        """Raise :class:`UsageError` for an attention or expert implementation that the model does not have."""
        implementations = {name: str(arguments[name]) for name in _IMPLEMENTATIONS if arguments.get(name) is not None}
        if implementations:
            loading.check_implementations(folder, implementations)

    def generation_arguments(self) -> frozenset[str]:
        """Return the fields of ``GenerationConfig`` and the parameters of ``generate``."""
        from transformers import GenerationConfig, GenerationMixin

        parameters = inspect.signature(GenerationMixin.generate).parameters
        return frozenset({*vars(GenerationConfig()), *parameters} - {"self", "kwargs"})

    def defaults(self) -> Mapping[str, Any]:
        """Return nothing: the loader's own defaults are used."""
        return {}

    def version(self) -> str:
        """Return the version of transformers."""
        return version("transformers")

    def device_type(self) -> str:
        """Return the kind of the fastest device that torch finds here."""
        return loading.pick_device(None).partition(":")[0]
