"""Refuse the system calls that no program needs, by a filter that the zygote installs and every child inherits.

In Docker the filter adds to the engine's own; in the process sandbox it is the only one. It refuses creating sockets,
System V and POSIX objects that outlive a program, tracing and reading other processes, new namespaces and mounts,
kernel keyrings, and the kernel's large optional interfaces (bpf, io_uring, userfaultfd, perf). System calls newer than
the table return ENOSYS. Machines other than x86-64 and arm64 are refused before a slot opens.
"""

import ctypes
import errno
import os
import struct
from typing import NamedTuple

_X86_64, _ARM64 = "x86_64", "aarch64"
_AUDIT_ARCH = {_X86_64: 0xC000003E, _ARM64: 0xC00000B7}
SUPPORTED = tuple(_AUDIT_ARCH)

# name: (number on x86-64, number on arm64); None if the machine lacks the call
_DENIED: dict[str, tuple[int | None, int | None]] = {
    # sockets: there is no network, and abstract names would be visible to other programs
    "socket": (41, 198),
    "connect": (42, 203),
    "accept": (43, 202),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept4": (288, 242),
    # System V and POSIX objects, which outlive the program
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "sched_setaffinity": (203, 122),  # a program could pin the zygote while that sweeps with the program's uid
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "set_mempolicy_home_node": (450, 450),
    # namespaces, mounts, roots
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "open_tree_attr": (467, 467),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # the kernel's large optional interfaces
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_setup": (206, 0),
    "io_submit": (209, 2),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "seccomp": (317, 277),
    "lsm_get_self_attr": (459, 459),
    "lsm_set_self_attr": (460, 460),
    "lsm_list_modules": (461, 461),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "splice": (275, 76),
    "tee": (276, 77),
    "vmsplice": (278, 75),
    "personality": (135, 92),
    "modify_ldt": (154, None),
    "iopl": (172, None),
    "ioperm": (173, None),
    # administration
    "syslog": (103, 116),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "adjtimex": (159, 171),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "vhangup": (153, 58),
    # flushing the machine's disks in a loop would slow down everything else
    "sync": (162, 81),
    "syncfs": (306, 267),
    "fsync": (74, 82),
    "fdatasync": (75, 83),
    "lookup_dcookie": (212, 18),
    "sysinfo": (99, 179),  # load, processes and memory of the whole machine
    "file_setattr": (469, 469),
}
_CLONE, _CLONE3, _SOCKETPAIR, _IOCTL = (56, 220), (435, 435), (53, 199), (16, 29)
_NEWEST_KNOWN = 470
_X32_BIT = 0x40000000

_NAMESPACES = 0x7E020080  # CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET and TIME
_CLONE_PARENT = 0x00008000  # a sibling would be the zygote's child, and its CPU time would not count as the program's
_CLOCKS = ((228, 113), (229, 114), (230, 115), (222, 107))  # clock_gettime, getres, nanosleep, timer_create
_CLOCK_OF_PROCESS = 1 << 31  # such a clock reads the CPU time of any process, the worker's included
_SIGCHLD = 17
_SIGACTION = (13, 134)
_SETRLIMIT, _PRLIMIT64, _RLIMIT_CORE = (160, 164), (302, 261), 4
_AF_UNIX = 1
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C

# BPF opcodes and the offsets of the fields of struct seccomp_data (all machines here are little-endian)
_LOAD, _RETURN = 0x20, 0x06
_IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT = 0x15, 0x35, 0x45
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000


class _Instruction(NamedTuple):
    code: int
    if_true: int
    if_false: int
    value: int


def _refuse(error: int) -> _Instruction:
    return _Instruction(_RETURN, 0, 0, _ERRNO | error)


def _number(call: tuple[int | None, int | None], machine: str) -> int | None:
    return call[0] if machine == _X86_64 else call[1]


def _argument(
    call: tuple[int, int], machine: str, index: int, test: int, value: int, *, refused: bool, error: int = errno.EPERM
) -> list[_Instruction]:
    """Return the instructions that refuse ``call`` if the low half of an argument passes (or fails) ``test``."""
    number = _number(call, machine)
    assert number is not None
    skip = (0, 1) if refused else (1, 0)
    return [
        _Instruction(_IF_EQUAL, 0, 4, number),
        _Instruction(_LOAD, 0, 0, _ARGUMENTS + 8 * index),
        _Instruction(test, *skip, value),
        _refuse(error),
        _Instruction(_LOAD, 0, 0, _NUMBER),
    ]


def instructions(machine: str, *, keep_zombies: bool = False) -> list[_Instruction]:
    """Return the filter for ``machine`` as BPF instructions; raises KeyError for an unknown machine.

    With ``keep_zombies``, ignoring or handling SIGCHLD has no effect and gives no error: if a program ignored the
    signal, the kernel would forget its dead children together with the CPU time that they used.
    """
    program = [
        _Instruction(_LOAD, 0, 0, _ARCH),
        _Instruction(_IF_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        _Instruction(_RETURN, 0, 0, _KILL),
        _Instruction(_LOAD, 0, 0, _NUMBER),
    ]
    if machine == _X86_64:
        program += [_Instruction(_IF_AT_LEAST, 0, 1, _X32_BIT), _Instruction(_RETURN, 0, 0, _KILL)]
    program += [_Instruction(_IF_AT_LEAST, 0, 1, _NEWEST_KNOWN + 1), _refuse(errno.ENOSYS)]
    clone3 = _number(_CLONE3, machine)
    assert clone3 is not None
    # Its flags are in memory, which a filter cannot read; the C library falls back to clone.
    program += [_Instruction(_IF_EQUAL, 0, 1, clone3), _refuse(errno.ENOSYS)]
    for call in _DENIED.values():
        number = _number(call, machine)
        if number is not None:
            program += [_Instruction(_IF_EQUAL, 0, 1, number), _refuse(errno.EPERM)]
    program += _argument(_CLONE, machine, 0, _IF_ANY_BIT, _NAMESPACES | _CLONE_PARENT, refused=True)
    # The limit on core files stays at 1, the only value at which the kernel does not feed a core pipe either.
    program += _argument(_SETRLIMIT, machine, 0, _IF_EQUAL, _RLIMIT_CORE, refused=True)
    program += _argument(_PRLIMIT64, machine, 1, _IF_EQUAL, _RLIMIT_CORE, refused=True)
    for call in _CLOCKS:
        program += _argument(call, machine, 0, _IF_ANY_BIT, _CLOCK_OF_PROCESS, refused=True, error=errno.EINVAL)
    if keep_zombies:
        program += _argument(_SIGACTION, machine, 0, _IF_EQUAL, _SIGCHLD, refused=True, error=0)
    program += _argument(_SOCKETPAIR, machine, 0, _IF_EQUAL, _AF_UNIX, refused=False)
    program += _argument(_IOCTL, machine, 1, _IF_EQUAL, _TIOCSTI, refused=True)
    program += _argument(_IOCTL, machine, 1, _IF_EQUAL, _TIOCLINUX, refused=True)
    return [*program, _Instruction(_RETURN, 0, 0, _ALLOW)]


def assemble(machine: str, *, keep_zombies: bool = False) -> bytes:
    """Return the filter for ``machine`` as an array of ``struct sock_filter``."""
    return b"".join(
        struct.pack("<HBBI", *instruction) for instruction in instructions(machine, keep_zombies=keep_zombies)
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _MODE_FILTER = 22, 38, 2


def install(*, keep_zombies: bool = False) -> None:
    """Confine this process and its descendants irrevocably; raises OSError if the kernel cannot."""
    code = assemble(os.uname().machine, keep_zombies=keep_zombies)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        _PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0
    ):
        number = ctypes.get_errno()
        raise OSError(number, f"cannot install the seccomp filter: {os.strerror(number)}")
