# Writes well-formed reports of its own: every test done, out of order, twice, with lengths that never come.
def attack():
    import posix
    import struct

    header = struct.Struct("<BIBHQ")
    frames = [
        [header.pack(1, 0, 0, 0, 0)] * 3,
        [header.pack(2, test, 0, 0, 0) for test in range(8)],
        [header.pack(2, 0, 0, 0, 2) + b"0\n"] * 8,
        [header.pack(2, test, 0, 0, 0) for test in reversed(range(8))],
        [header.pack(2, 0xFFFFFFFF, 0, 0, 0), header.pack(2, 0, 200, 0, 0), header.pack(2, 0, 0, 65535, 1 << 63)],
    ]
    order = posix.getpid() % len(frames)
    for group in frames[order:] + frames[:order]:
        for frame in group:
            try:
                posix.write(63, frame)
            except OSError:
                pass
    posix._exit(0)
