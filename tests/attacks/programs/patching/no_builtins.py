# Deletes every builtin and empties every module.
import builtins
import sys


def attack():
    for module in list(sys.modules.values()):
        if module is not builtins and getattr(module, "__dict__", None) is not None:
            try:
                module.__dict__.clear()
            except Exception:
                pass
    builtins.__dict__.clear()
    return False
