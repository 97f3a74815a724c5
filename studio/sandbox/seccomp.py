"""Refuse system calls by which a process could reach the network, with a filter of the kernel (seccomp). Standard
library only: the keeper uses it.

Landlock refuses `connect` for TCP. Sockets of other kinds and other ways to open a connection are refused here. What
listens already goes on, new listeners for TCP may be made, and Unix sockets stay.

The filter is a program of the kernel's packet filter, see seccomp(2). With the offset of `struct seccomp_data` in
brackets it reads, on x86-64:

    arch [4] is not mine                    -> kill
    nr [0] has the bit of x32               -> ENOSYS
    nr is io_uring_setup                    -> ENOSYS
    nr is socket: domain [16] is AF_UNIX    -> allow
                  domain is no AF_INET*     -> EACCES
                  type [24] & 0xf is no SOCK_STREAM, or protocol [32] is neither 0 nor TCP -> EACCES
    nr is sendto, sendmsg or sendmmsg and its flags have MSG_FASTOPEN -> EACCES
    else                                    -> allow
"""

import ctypes
import errno
import os
import platform
import socket
import struct

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
ALLOW, REFUSE, UNKNOWN, KILL = 0x7FFF0000, 0x00050000 | errno.EACCES, 0x00050000 | errno.ENOSYS, 0x80000000
LOAD, EQUAL, HAS_BITS, AND, RETURN = 0x20, 0x15, 0x45, 0x54, 0x06  # instructions
NUMBER, ARCHITECTURE, FIRST, SECOND, THIRD, FOURTH = 0, 4, 16, 24, 32, 40  # where things lie; arguments: lower halves
MSG_FASTOPEN = 0x20000000
X32 = 0x40000000
KIND = 0xF  # of a socket's type, without its flags

# By machine: AUDIT_ARCH, socket, sendto, sendmsg, sendmmsg. io_uring_setup is 425 on all.
MACHINES = {"x86_64": (0xC000003E, 41, 44, 46, 307), "aarch64": (0xC00000B7, 198, 206, 211, 269)}
IO_URING_SETUP = 425

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false (how many to skip), value


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def is_known() -> bool:
    """Whether there is a filter for this kind of machine."""
    return platform.system() == "Linux" and platform.machine() in MACHINES


def refuse_connections() -> None:
    """For this process and all that it starts; it must have no_new_privs. OSError when the kernel refuses."""
    packed = b"".join(struct.pack("=HBBI", *one) for one in program(platform.machine()))
    buffer = ctypes.create_string_buffer(packed, len(packed))
    given = _Program(len(packed) // 8, ctypes.cast(buffer, ctypes.c_void_p).value)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(given), 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"seccomp: {os.strerror(code)}")


def program(machine: str) -> list[Instruction]:
    """The filter. Pure."""
    architecture, open_socket, sendto, sendmsg, sendmmsg = MACHINES[machine]
    socket_rule = [
        (LOAD, 0, 0, FIRST),
        (EQUAL, 0, 1, socket.AF_UNIX),
        (RETURN, 0, 0, ALLOW),
        (EQUAL, 2, 0, socket.AF_INET),
        (EQUAL, 1, 0, socket.AF_INET6),
        (RETURN, 0, 0, REFUSE),
        (LOAD, 0, 0, SECOND),
        (AND, 0, 0, KIND),
        (EQUAL, 1, 0, socket.SOCK_STREAM),
        (RETURN, 0, 0, REFUSE),
        (LOAD, 0, 0, THIRD),
        (EQUAL, 2, 0, 0),
        (EQUAL, 1, 0, socket.IPPROTO_TCP),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]
    return [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (HAS_BITS, 0, 1, X32),
        (RETURN, 0, 0, UNKNOWN),
        (EQUAL, 0, 1, IO_URING_SETUP),
        (RETURN, 0, 0, UNKNOWN),
        *_when(open_socket, socket_rule),
        *_when(sendto, _without_fast_open(FOURTH)),
        *_when(sendmsg, _without_fast_open(THIRD)),
        *_when(sendmmsg, _without_fast_open(FOURTH)),
        (RETURN, 0, 0, ALLOW),
    ]


def _when(number: int, rule: list[Instruction]) -> list[Instruction]:
    """The rule for one system call: it ends with a verdict, and all others jump over it."""
    return [(EQUAL, 0, len(rule), number), *rule]


def _without_fast_open(flags: int) -> list[Instruction]:
    return [(LOAD, 0, 0, flags), (HAS_BITS, 0, 1, MSG_FASTOPEN), (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)]
