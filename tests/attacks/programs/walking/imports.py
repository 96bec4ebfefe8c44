# Imports the judge and the sandbox from inside, for expected outputs or a comparison to replace.
import sys


def attack():
    for name in (
        "ssd_harness.judge",
        "ssd_harness.judge.comparison",
        "ssd_harness.livecodebench",
        "ssd_harness.judge.scheduler",
    ):
        try:
            __import__(name)
        except BaseException:
            continue
        return True
    for module in list(sys.modules.values()):
        for name in ("compare", "decide", "passes", "check", "equal"):
            if hasattr(module, name) and getattr(module, "__name__", "").startswith("ssd"):
                setattr(module, name, lambda *rest, **more: True)
    return False
