# Recurses without a limit in Python, in a thread with a giant stack and through comparison slots.
import sys


class Deep:
    def __eq__(self, other):
        return Deep() == other

    def __getattr__(self, name):
        return getattr(Deep(), name)


def attack():
    import threading

    sys.setrecursionlimit(2**31 - 1)

    def dive(depth=0):
        return dive(depth + 1) + 1

    try:
        threading.stack_size(256 << 20)
        thread = threading.Thread(target=dive)
        thread.start()
        thread.join()
    except BaseException:
        pass
    return Deep() == 1
