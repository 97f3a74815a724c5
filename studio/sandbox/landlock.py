"""Restrict this process, and all that it starts, with Landlock. Standard library only: the keeper uses it.

Every version of the kernel's interface knows more than the one before; what a kernel does not know is left out, so that
the caller must look at `version()` before promising anything.
"""

import ctypes
import os
import stat
from contextlib import suppress
from typing import Any

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # system calls, the same on every architecture
RULE_PATH, RULE_PORT = 1, 2

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REFER, TRUNCATE, IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
ALL_OF_VERSION_1 = (1 << 13) - 1
ON_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE  # what can be granted for what is no folder
BIND_TCP, CONNECT_TCP = 1 << 0, 1 << 1
SCOPE_ABSTRACT_SOCKETS, SCOPE_SIGNALS = 1 << 0, 1 << 1

READ = EXECUTE | READ_FILE | READ_DIR
DEVICE = READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | IOCTL_DEVICE
PORTS_SINCE, SCOPES_SINCE = 4, 6  # versions


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("ports", ctypes.c_uint64), ("scopes", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("access", ctypes.c_uint64), ("folder", ctypes.c_int32)]


class _Port(ctypes.Structure):
    _fields_ = [("access", ctypes.c_uint64), ("port", ctypes.c_uint64)]


def version() -> int:
    """Of the kernel's interface; 0 where there is none."""
    with suppress(OSError, AttributeError):
        return _call(CREATE_RULESET, None, 0, 1)
    return 0


def restrict(rules: dict[str, Any]) -> None:
    """`rules` as `studio.sandbox.rules` makes them. The process must have no_new_privs. OSError when refused."""
    known = version()
    files, ports, scopes = _handled(rules, known)
    if not (files or ports or scopes):
        return
    size = 8 if known < PORTS_SINCE else 16 if known < SCOPES_SINCE else 24
    ruleset = _call(CREATE_RULESET, ctypes.byref(_Ruleset(files, ports, scopes)), size, 0)
    try:
        for kind, granted in (("read", READ), ("write", files), ("device", DEVICE)):
            for path in (rules["files"] or {}).get(kind, ()):
                _grant(ruleset, path, granted & files)
        for kind, access in (("bind", BIND_TCP), ("connect", CONNECT_TCP)):
            for port in rules[kind] or () if ports & access else ():
                _call(ADD_RULE, ruleset, RULE_PORT, ctypes.byref(_Port(access, port)), 0)
        _call(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _handled(rules: dict[str, Any], known: int) -> tuple[int, int, int]:
    """What is refused unless a rule grants it: of files, ports, scopes."""
    files = 0
    if rules["files"] is not None:
        files = ALL_OF_VERSION_1
        for since, access in ((2, REFER), (3, TRUNCATE), (5, IOCTL_DEVICE)):
            files |= access if known >= since else 0
    ports = (BIND_TCP if rules["bind"] is not None else 0) | (CONNECT_TCP if rules["connect"] is not None else 0)
    scopes = SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS
    return files, ports if known >= PORTS_SINCE else 0, scopes if known >= SCOPES_SINCE else 0


def _grant(ruleset: int, path: str, access: int) -> None:
    """Nothing is granted for what is not there."""
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            access &= ON_A_FILE
        _call(ADD_RULE, ruleset, RULE_PATH, ctypes.byref(_Beneath(access, opened)), 0)
    finally:
        os.close(opened)


def _call(number: int, *arguments: Any) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"landlock: {os.strerror(code)}")
    return result
