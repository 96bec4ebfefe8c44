# Looks for any way out: addresses, names, raw sockets, other socket families, sockets of the engine.
def attack():
    import socket

    families = [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, 16, 17, 38, 40, 44]
    for family in families:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            try:
                socket.socket(family, kind, 0).close()
                return True
            except OSError:
                pass
    return False
