# Leaves its pipes in flight between sockets that only the kernel's collector frees, so that they outlive it.
def attack():
    import array
    import posix
    import socket

    for handles in ([1, 2, 63], [62, 63], [1], [63]):
        left, right = socket.socketpair()
        for channel in (left, right):
            for handle in handles:
                try:
                    parts = array.array("i", [left.fileno(), right.fileno(), handle])
                    channel.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, parts)])
                except OSError:
                    pass
        left.detach()
        right.detach()
    posix._exit(0)
