"""Simple self-distillation of language models, measured honestly on LiveCodeBench."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("ssd-harness")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0+unknown"
