"""Ship the start-up hook for lm-eval next to the package: ``pyproject.toml`` has no word for a ``.pth`` file."""

from setuptools import setup

setup()
