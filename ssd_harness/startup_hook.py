"""Let the plain ``lm_eval`` command find us: a ``.pth`` file imports this module at every interpreter start.

lm-eval up to 0.4.13 discovers no plugins, so one finder waits on ``sys.meta_path`` until lm-eval imports the modules
that :mod:`ssd_harness.harness.bridge` completes. It costs a fraction of a millisecond and touches nothing else;
``SSD_HARNESS_NO_HOOK=1`` keeps it out. Standard library only, and no import of ours before lm-eval is there.
"""

import sys

TYPE_CHECKING = False  # importing typing's, or what stands below it, would cost ten times the rest
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

# Where lm-eval looks up models, tasks and the evaluation itself; each is completed right after it has executed.
WATCHED = frozenset(
    {
        "lm_eval._cli.harness",
        "lm_eval.config.evaluate_config",
        "lm_eval.evaluator",
        "lm_eval.models",
        "lm_eval.tasks.manager",
    }
)


class BridgeFinder:
    """Find the watched modules as everybody does, and call the bridge once each has executed."""

    @staticmethod
    def find_spec(
        name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Return the spec that the other finders give, its loader extended; None for all modules but the watched."""
        if name not in WATCHED:
            return None
        for finder in sys.meta_path:
            find = None if finder is BridgeFinder else getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find else None
            if spec is not None:
                _extend(spec)
                return spec
        return None


def _extend(spec: "ModuleSpec") -> None:
    loader = spec.loader
    execute = getattr(loader, "exec_module", None)
    if execute is None:
        return

    def exec_module(module: "ModuleType") -> None:
        execute(module)
        try:
            from ssd_harness.harness import bridge
        except ImportError as error:  # half of us is gone: somebody else's evaluation must go on
            sys.meta_path.remove(BridgeFinder)
            print(f"ssd-harness: not available in lm_eval: {error}", file=sys.stderr)
        else:
            bridge.attach(module)

    loader.exec_module = exec_module  # type: ignore[method-assign, union-attr]


def install() -> None:
    """Put the finder in front, once."""
    if BridgeFinder not in sys.meta_path:
        sys.meta_path.insert(0, BridgeFinder)


install()
