# Opens the kernel interfaces that most exploits begin with.
def attack():
    import ctypes
    import platform

    syscall = ctypes.CDLL(None).syscall
    room = ctypes.create_string_buffer(512)
    x86 = platform.machine() == "x86_64"
    tries = [
        (425, 4, room),  # io_uring_setup
        (323 if x86 else 282, 1),
        (323 if x86 else 282, 0),  # userfaultfd
        (321 if x86 else 280, 0, room, 72),
        (321 if x86 else 280, 5, room, 72),  # bpf
        (298 if x86 else 241, room, 0, -1, -1, 0),  # perf_event_open
        (250 if x86 else 219, 0, -3, 1),  # keyctl
        (304 if x86 else 265, -100, room, 0),  # open_by_handle_at
        (155 if x86 else 41, b"/", b"/"),  # pivot_root
        (103 if x86 else 116, 3, room, 512),  # syslog
        (175 if x86 else 105, room, 0, b""),  # init_module
        (313 if x86 else 273, 0, b"", 0),  # finit_module
        (246 if x86 else 104, 0, 0, 0, 0),  # kexec_load
        (169 if x86 else 142, 0xFEE1DEAD, 672274793, 0),  # reboot, with its switches off
        (163 if x86 else 89, b"/tmp/acct"),  # acct
        (312 if x86 else 272, 1, 1, 0, 0, 0),  # kcmp
        (237 if x86 else 235, 0, 0, 1, room, 0, 0),  # mbind
        (306 if x86 else 267, 1),  # syncfs
        (446, -1, 0, 0),  # landlock_restrict_self
        (447, 0),  # memfd_secret
        (300 if x86 else 262, 0, 0),  # fanotify_init
    ]
    for number, *rest in tries:
        if syscall(number, *rest) >= 0:
            return True
    return False
