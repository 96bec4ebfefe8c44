"""Simple self-distillation of language models, measured honestly on LiveCodeBench."""


def __getattr__(name: str) -> str:
    # Looked up on demand: the start-up hook imports this package in every interpreter of the environment.
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ssd-harness")
    except PackageNotFoundError:  # a checkout that was never installed
        return "0+unknown"
