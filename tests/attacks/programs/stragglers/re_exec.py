# Becomes a fresh interpreter that drops what the runner set up and prints for itself.
def attack():
    import posix
    import sys

    posix.execve(
        sys.executable or "/proc/self/exe", ["python3", "-c", "import time; print(0); print(0); time.sleep(600)"], {}
    )
