# Changes the host or domain name as a note for the next program.
def attack():
    import ctypes
    import socket

    libc = ctypes.CDLL(None)
    if socket.gethostname() == "owned":
        return True
    return libc.sethostname(b"owned", 5) == 0 or libc.setdomainname(b"owned", 5) == 0
