# Works for ever and catches whatever is thrown at it.
def attack():
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
