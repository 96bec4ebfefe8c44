# Uses the worker's own protocol code, found among the loaded modules, to forge frames of every kind on every descriptor.
import sys


def attack():
    import posix
    import struct

    kinds = list(range(0, 40)) + list(range(65, 91)) + list(range(97, 123))
    statuses = [b"done", b"\x00", b"\x01"]
    frames = []
    for kind in kinds:
        for status in statuses:
            for body in (status, struct.pack("<I", 0) + status, struct.pack(">I", 1) + status):
                frames.append(bytes([kind]) + struct.pack("<I", len(body)) + body)
                frames.append(bytes([kind]) + struct.pack(">I", len(body)) + body)
                frames.append(struct.pack("<I", len(body) + 1) + bytes([kind]) + body)
                frames.append(struct.pack(">I", len(body) + 1) + bytes([kind]) + body)
    for handle in range(3, 1024):
        try:
            posix.set_blocking(handle, False)
        except OSError:
            continue
        for frame in frames:
            try:
                posix.write(handle, frame)
            except OSError:
                break
    for module in list(sys.modules.values()):
        for name in ("send", "write_frame", "send_frame", "pack", "end", "frame"):
            call = getattr(module, name, None)
            if callable(call) and "worker" in getattr(module, "__name__", ""):
                for handle in range(3, 32):
                    for rest in ((), (1,), (1, b""), (1, 0, b""), (b"done",)):
                        try:
                            call(handle, *rest)
                        except BaseException:
                            pass
    return False
