# Opens an abstract socket as a mailbox for the next program, also by way of a socket pair, which needs no name.
def attack():
    import socket

    for family, kind in (
        (socket.AF_UNIX, socket.SOCK_STREAM),
        (socket.AF_UNIX, socket.SOCK_DGRAM),
        (socket.AF_NETLINK, socket.SOCK_RAW),
    ):
        try:
            socket.socket(family, kind)
            return True
        except OSError:
            pass
    for family in (socket.AF_UNIX, socket.AF_INET):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            try:
                channel, other = socket.socketpair(family, kind)
            except OSError:
                continue
            for call in (channel.bind, channel.connect, other.connect):
                try:
                    call("\0note-for-the-next")
                    return True
                except (OSError, TypeError):
                    pass
    return False
