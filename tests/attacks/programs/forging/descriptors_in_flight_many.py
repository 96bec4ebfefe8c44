# Buries its pipes under a thousand layers of sockets in flight, so that their end takes the kernel a while.
def attack():
    import array
    import posix
    import socket

    carried = [1, 2, 62, 63]
    try:
        for _ in range(1000):
            left, right = socket.socketpair()
            left.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", carried))])
            right.sendmsg(
                [b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [left.fileno(), right.fileno()]))]
            )
            if carried != [1, 2, 62, 63]:
                posix.closerange(min(carried), max(carried) + 1)
            carried = [left.detach(), right.detach()]
    except OSError:
        pass
    posix._exit(0)
