# Looks for anything under /proc and /sys that it can change for others.
def attack():
    import os
    import posix

    roots = ("/proc/sys", "/proc/irq", "/proc/acpi", "/proc/bus", "/proc/sysrq-trigger", "/sys")
    for root in roots:
        paths = [root] if root.endswith("trigger") else [f + "/" + n for f, _, names in os.walk(root) for n in names]
        for path in paths:
            try:
                posix.close(posix.open(path, posix.O_WRONLY | posix.O_NONBLOCK))
                return True
            except OSError:
                pass
    return False
