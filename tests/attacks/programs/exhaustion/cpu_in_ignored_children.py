# Burns its time in children whose ends it ignores, so that the kernel forgets what they used.
import posix
import signal
import time

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(600):
    if posix.fork() == 0:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
        posix._exit(0)
    time.sleep(0.06)
print("not taken in")
