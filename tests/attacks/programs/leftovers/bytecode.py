# Poisons the byte code and start-up files that the next interpreter would load.
def attack():
    import os
    import posix
    import sys

    for folder in [path for path in sys.path if path] + [
        "/usr/lib/python3",
        "/usr/local/lib/python3.11",
        "/root/.local",
        "/.local",
    ]:
        for name in ("sitecustomize.py", "usercustomize.py", "x.pth", "__pycache__/json.cpython-311.pyc"):
            try:
                posix.close(posix.open(folder + "/" + name, posix.O_WRONLY | posix.O_CREAT, 0o666))
                return True
            except OSError:
                pass
    return False
