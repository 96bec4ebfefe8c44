# Catches the lack of memory, holds on to all of it and answers.
def attack():
    held = []
    for size in (1 << 24, 1 << 16, 1 << 10):
        try:
            while True:
                held.append(bytearray(size))
        except MemoryError:
            pass
    return False
