"""What the filter of system calls refuses, tried in a process of its own."""

import json
import socket
import subprocess
import sys

import pytest

from studio.sandbox import seccomp
from tests.conftest import require

TRIES = """
import ctypes, json, socket
from studio.sandbox import seccomp

listener = socket.create_server(("127.0.0.1", 0))
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # no new privileges
seccomp.refuse_connections()

def works(attempt):
    try:
        attempt()
    except OSError as error:
        return error.errno
    return 0


print(json.dumps({
    "listen": works(lambda: socket.create_server(("127.0.0.1", 0)).close()),
    "listen over IPv6": works(lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close()),
    "pair": works(socket.socketpair),
    "unix": works(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).close()),
    "datagram": works(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
    "datagram over IPv6": works(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)),
    "raw": works(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)),
    "other protocol": works(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)),
    "netlink": works(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
    "vsock": works(lambda: socket.socket(40, socket.SOCK_STREAM)),
    "first data": works(lambda: listener.sendto(b"x", 0x20000000, listener.getsockname())),
    "first message": works(lambda: listener.sendmsg([b"x"], [], 0x20000000, listener.getsockname())),
    "io_uring": ctypes.CDLL(None, use_errno=True).syscall(425, 1, None) or 0,
}))
"""


@pytest.fixture(scope="module")
def tried():
    if not seccomp.is_known():
        require("seccomp", "there is no filter for this kind of machine")
    ended = subprocess.run([sys.executable, "-c", TRIES], capture_output=True, text=True, check=True)
    return json.loads(ended.stdout)


@pytest.mark.parametrize("what", ["listen", "listen over IPv6", "pair", "unix"])
def test_what_a_server_needs_is_allowed(tried, what):
    assert tried[what] == 0


@pytest.mark.parametrize(
    "what",
    ["datagram", "datagram over IPv6", "raw", "other protocol", "netlink", "vsock", "first data", "first message"],
)
def test_ways_out_are_refused(tried, what):
    assert tried[what] == 13  # EACCES


def test_calls_that_the_filter_could_not_see_are_refused(tried):
    assert tried["io_uring"] == -1


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_every_jump_of_the_filter_leads_into_it(machine):
    program = seccomp.program(machine)
    for place, (code, if_true, if_false, _) in enumerate(program):
        if code in (seccomp.EQUAL, seccomp.HAS_BITS):
            assert place + 1 + max(if_true, if_false) < len(program)
    assert program[-1] == (seccomp.RETURN, 0, 0, seccomp.ALLOW)
    assert socket.AF_INET in [value for code, _, _, value in program if code == seccomp.EQUAL]
