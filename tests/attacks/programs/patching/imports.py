# Plants false modules for all that a runner could still import.
import sys


def attack():
    class Agreeable:
        def __getattr__(self, name):
            return lambda *rest, **more: True

    for name in ("json", "struct", "os", "io", "decimal", "fractions", "numbers", "traceback", "threading", "types"):
        sys.modules[name] = Agreeable()
    sys.meta_path.clear()
    sys.path_hooks.clear()
    import builtins

    builtins.__import__ = lambda name, *rest, **more: Agreeable()
    return False
