# Unpacks a compressed bomb.
def attack():
    import zlib

    bomb = zlib.compress(zlib.compress(bytes(1 << 26), 9), 9)
    inner = zlib.decompress(bomb)
    return len(b"".join(zlib.decompress(inner) for _ in range(200))) == 0
