# Leaves exit hooks, finalizers and thread hooks that print forged output after the runner is done.
import atexit
import sys
import threading
import weakref


class Late:
    def __del__(self):
        sys.stdout.write("0\n")


def attack():
    def late(*rest):
        import posix

        for handle in range(3, 64):
            try:
                posix.write(handle, b"\x00" * 64)
            except OSError:
                pass
        posix._exit(0)

    atexit.register(late)
    global late_object
    late_object = Late()
    weakref.finalize(late_object, late)
    threading._shutdown = late
    sys.excepthook = sys.unraisablehook = late
    return False
