# Prints for ever on the descriptor itself, from several processes.
import posix

posix.fork()
posix.fork()
line = b"A" * 65536
while True:
    try:
        posix.write(1, line)
    except OSError:
        pass
