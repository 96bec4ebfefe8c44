# Takes memory until there is none.
def attack():
    held = []
    while True:
        held.append(bytearray(16 << 20))
