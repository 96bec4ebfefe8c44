import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_harness.sandbox.worker import seccomp

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
machines = pytest.mark.parametrize("machine", seccomp.SUPPORTED)


def verdict(machine, number, arguments=(), arch=None, **options):
    """Run the filter on one system call, as the kernel would."""
    values = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<IIQ6Q", number, seccomp._AUDIT_ARCH[machine] if arch is None else arch, 0, *values)
    program = [struct.unpack("<HBBI", chunk) for chunk in chunks(seccomp.assemble(machine, **options), 8)]
    accumulator, counter = 0, 0
    while True:
        code, if_true, if_false, value = program[counter]
        counter += 1
        if code == seccomp._LOAD:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif code == seccomp._RETURN:
            return value
        else:
            hit = {
                seccomp._IF_EQUAL: accumulator == value,
                seccomp._IF_AT_LEAST: accumulator >= value,
                seccomp._IF_ANY_BIT: bool(accumulator & value),
            }[code]
            counter += if_true if hit else if_false


def chunks(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


@machines
def test_every_call_of_the_table_is_refused_and_nothing_else(machine):
    index = seccomp.SUPPORTED.index(machine)
    denied = {numbers[index] for numbers in seccomp._DENIED.values()} - {None}
    special = {call[index] for call in (seccomp._CLONE, seccomp._CLONE3, seccomp._SOCKETPAIR, seccomp._IOCTL)}
    for number in set(range(seccomp._NEWEST_KNOWN + 1)) - special:
        assert verdict(machine, number) == (ERRNO | errno.EPERM if number in denied else ALLOW)


@machines
@given(number=st.integers(seccomp._NEWEST_KNOWN + 1, 2**30 - 1))
def test_younger_calls_do_not_exist(machine, number):
    assert verdict(machine, number) == ERRNO | errno.ENOSYS


@machines
@given(number=st.integers(0, 2**32 - 1), arch=st.integers(0, 2**32 - 1))
def test_another_architecture_is_killed(machine, number, arch):
    if arch != seccomp._AUDIT_ARCH[machine]:
        assert verdict(machine, number, arch=arch) == KILL


@given(number=st.integers(2**30, 2**32 - 1))
def test_x32_is_killed(number):
    assert verdict("x86_64", number) == KILL


@machines
@given(flags=st.integers(0, 2**64 - 1))
def test_threads_and_forks_pass_and_namespaces_do_not(machine, flags):
    number = seccomp._number(seccomp._CLONE, machine)
    expected = ERRNO | errno.EPERM if flags & (0x7E020080 | 0x8000) else ALLOW
    assert verdict(machine, number, [flags]) == expected


@machines
def test_clone3_falls_back_to_clone(machine):
    assert verdict(machine, 435) == ERRNO | errno.ENOSYS


@machines
@given(family=st.integers(0, 50))
def test_only_unix_socket_pairs_are_made(machine, family):
    number = seccomp._number(seccomp._SOCKETPAIR, machine)
    assert verdict(machine, number, [family]) == (ALLOW if family == 1 else ERRNO | errno.EPERM)


@machines
@pytest.mark.parametrize(("command", "allowed"), [(0x5412, False), (0x541C, False), (0x5401, True)])
def test_terminals_cannot_be_typed_into(machine, command, allowed):
    number = seccomp._number(seccomp._IOCTL, machine)
    assert verdict(machine, number, [0, command]) == (ALLOW if allowed else ERRNO | errno.EPERM)


@machines
@pytest.mark.parametrize(("limit", "allowed"), [(4, False), (3, True)])
def test_the_limit_on_core_files_stays(machine, limit, allowed):
    expected = ALLOW if allowed else ERRNO | errno.EPERM
    assert verdict(machine, seccomp._number(seccomp._SETRLIMIT, machine), [limit]) == expected
    assert verdict(machine, seccomp._number(seccomp._PRLIMIT64, machine), [0, limit]) == expected


@machines
def test_dead_children_can_be_kept_from_being_forgotten(machine):
    number = seccomp._number(seccomp._SIGACTION, machine)
    assert verdict(machine, number, [17]) == ALLOW
    assert verdict(machine, number, [17], keep_zombies=True) == ERRNO
    assert verdict(machine, number, [15], keep_zombies=True) == ALLOW


def test_no_number_stands_twice_in_the_table():
    for index in range(2):
        numbers = [call[index] for call in seccomp._DENIED.values() if call[index] is not None]
        assert len(numbers) == len(set(numbers))
