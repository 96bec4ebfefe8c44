"""The transform: sample from a base model, filter, fine-tune it on its own samples, register the checkpoint.

The package can be called: ``ssd_harness.distill(...)`` is :func:`ssd_harness.distill.transform.distill`. Importing any
of its modules sets the attribute ``distill`` of ``ssd_harness`` to this package, so a function of that name could not
stand beside it.
"""

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    """A package that runs its main function when called."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.__wrapped__(*arguments, **options)

    @property
    def __wrapped__(self) -> Any:
        """The function, for ``help`` and ``inspect.signature``."""
        from ssd_harness.distill import transform

        return transform.distill


sys.modules[__name__].__class__ = _CallablePackage
