# Replaces builtins by versions that agree to everything.
import builtins


def attack():
    import json
    import operator

    builtins.len = lambda value: 1
    builtins.all = builtins.any = builtins.isinstance = lambda *rest: True
    builtins.zip = lambda *rest, **more: iter(())
    operator.eq = lambda a, b: True
    json.loads = json.dumps = json.JSONEncoder.encode = lambda *rest, **more: "null"
    builtins.str = builtins.repr = builtins.int = lambda *rest: "0"
    return False
