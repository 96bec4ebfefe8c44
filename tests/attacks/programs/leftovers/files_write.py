# Writes a note for the next program into every folder that takes it.
import posix

found = 0
for folder in (
    "/tmp",
    "/var/tmp",
    "/dev/shm",
    "/run",
    "/run/lock",
    "/var/run",
    "/dev/mqueue",
    "/dev",
    ".",
    "/",
    "/root",
    "/home",
    "/scratch",
    "/usr/local",
    "/var/lib",
    "/opt",
    "/mnt",
    "/srv",
):
    try:
        handle = posix.open(folder + "/note-for-the-next", posix.O_WRONLY | posix.O_CREAT, 0o666)
        posix.write(handle, b"owned")
        posix.close(handle)
        found += 1
    except OSError:
        pass
print("left", found)
print("notes")
