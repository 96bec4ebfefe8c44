# Opens an abstract socket as a mailbox for the next program.
def attack():
    import socket

    for family, kind in (
        (socket.AF_UNIX, socket.SOCK_STREAM),
        (socket.AF_UNIX, socket.SOCK_DGRAM),
        (socket.AF_NETLINK, socket.SOCK_RAW),
    ):
        try:
            channel = socket.socket(family, kind)
        except OSError:
            continue
        if family == socket.AF_UNIX:
            channel.bind("\0note-for-the-next")
        return True
    try:
        socket.socketpair()
        return True
    except OSError:
        return False
