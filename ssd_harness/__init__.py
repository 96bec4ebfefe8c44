"""Simple self-distillation of language models, measured honestly on LiveCodeBench.

Each function does what the command of the same name does, and returns its result::

    import ssd_harness

    checkpoint = ssd_harness.distill("Qwen/Qwen3-4B-Instruct-2507", steps=500)
    ssd_harness.evaluate("Qwen/Qwen3-4B-Instruct-2507", "livecodebench_v6", output_path="OUT/base")
    ssd_harness.evaluate(f"ssd:{checkpoint.name}", "livecodebench_v6", output_path="OUT/ssd")
    print(ssd_harness.compare({"base": "OUT/base", "ssd": "OUT/ssd"}))

Expected failures are subclasses of :class:`SsdError`; their ``exit_code`` is the command's.
"""

# Not imported from typing: every Python process imports this module, through the start-up hook, and typing is slow.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ssd_harness.artifacts.registry import Checkpoint
    from ssd_harness.distill.filters import keep_if
    from ssd_harness.distill.transform import distill
    from ssd_harness.errors import ExitCode, InfrastructureError, SsdError, UsageError
    from ssd_harness.extensions.components import (
        Exporter,
        Filter,
        PromptSource,
        Sampler,
        Sandbox,
        Trainer,
        Transform,
    )
    from ssd_harness.extensions.contracts import (
        Candidate,
        ModelSampler,
        ModelTrainer,
        Prompt,
        PromptTests,
        Sample,
        SampleExporter,
        SampleFilter,
    )
    from ssd_harness.extensions.hookspecs import hookimpl
    from ssd_harness.harness.library import evaluate
    from ssd_harness.recipe.definition import Recipe
    from ssd_harness.results.run_comparison import Comparison, compare
    from ssd_harness.results.sample_scores import SampleScores, score

    __version__: str

__all__ = [
    "Candidate",
    "Checkpoint",
    "Comparison",
    "ExitCode",
    "Exporter",
    "Filter",
    "InfrastructureError",
    "ModelSampler",
    "ModelTrainer",
    "Prompt",
    "PromptSource",
    "PromptTests",
    "Recipe",
    "Sample",
    "SampleExporter",
    "SampleFilter",
    "SampleScores",
    "Sampler",
    "Sandbox",
    "SsdError",
    "Trainer",
    "Transform",
    "UsageError",
    "__version__",
    "compare",
    "distill",
    "evaluate",
    "hookimpl",
    "keep_if",
    "score",
]

# module → its public names. A module is imported when one of its names is first used.
_EXPORTS = {
    "artifacts.registry": ("Checkpoint",),
    "errors": ("ExitCode", "InfrastructureError", "SsdError", "UsageError"),
    "distill.filters": ("keep_if",),
    "extensions.components": ("Exporter", "Filter", "PromptSource", "Sampler", "Sandbox", "Trainer", "Transform"),
    "extensions.contracts": (
        "Candidate",
        "ModelSampler",
        "ModelTrainer",
        "Prompt",
        "PromptTests",
        "Sample",
        "SampleExporter",
        "SampleFilter",
    ),
    "extensions.hookspecs": ("hookimpl",),
    "harness.library": ("evaluate",),
    "recipe.definition": ("Recipe",),
    "results.run_comparison": ("Comparison", "compare"),
    "results.sample_scores": ("SampleScores", "score"),
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        return _version()
    from importlib import import_module

    if name == "distill":  # the function of that name is the package itself, which can be called
        return import_module("ssd_harness.distill")
    for module, names in _EXPORTS.items():
        if name in names:
            value = getattr(import_module(f"ssd_harness.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ssd-harness")
    except PackageNotFoundError:  # a checkout that was never installed
        return "0+unknown"
