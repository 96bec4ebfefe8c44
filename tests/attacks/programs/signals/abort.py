# Dies of SIGABRT with a forged status in its output.
def attack():
    import ctypes

    ctypes.CDLL(None).abort()
