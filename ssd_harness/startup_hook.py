"""Make the plain ``lm_eval`` command find this package: a ``.pth`` file imports this module when Python starts.

lm-eval up to 0.4.13 discovers no plugins. A finder on ``sys.meta_path`` waits until ``lm_eval`` is imported, then
installs the finder of :mod:`ssd_harness.harness.patches`, which patches lm-eval's modules. Until then this module
imports only ``sys`` and takes a fraction of a millisecond. ``SSD_HARNESS_NO_HOOK=1`` disables it.
"""

import sys


class LmEvalFinder:
    """Waits for the import of ``lm_eval``; finds nothing itself."""

    waiting = True

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        """Install the finder of the patches when lm-eval is imported; return None, so that other finders search."""
        if name != "lm_eval" or not LmEvalFinder.waiting:
            return
        LmEvalFinder.waiting = False
        try:
            from ssd_harness.harness import patches
        except ImportError as error:  # the package is partly removed; other evaluations must still work
            print(f"ssd-harness: not available in lm_eval: {error}", file=sys.stderr)
        else:
            patches.install_finder()


def install() -> None:
    """Put the finder in front, once."""
    if LmEvalFinder not in sys.meta_path:
        sys.meta_path.insert(0, LmEvalFinder)


install()
