"""An entry script that tries to get out: it writes down in its home what it reached. TARGETS names what there is."""

import ctypes
import json
import os
import socket
from pathlib import Path

CLONE_NEWUSER = 0x10000000
MS_REMOUNT, MS_BIND = 32, 4096
libc = ctypes.CDLL(None, use_errno=True)


def init():
    there = json.loads(os.environ["TARGETS"])
    Path(there["home"], "large").touch()
    tries = {
        "read the database": lambda: Path(there["database"]).read_bytes(),
        "write the database": lambda: Path(there["database"]).open("ab").close(),
        "read the keys of the studio": lambda: Path(there["secret"]).read_bytes(),
        "read the keys of another service": lambda: Path(there["other"]).read_bytes(),
        "reach the broker": lambda: connect(socket.AF_UNIX, there["broker"]),
        "read the environment of the studio": lambda: must(b"PLANTED" in Path(there["environ"]).read_bytes()),
        "read the memory of the studio": lambda: Path(there["memory"]).open("rb").close(),
        "signal the studio": lambda: os.kill(there["studio"], 0),
        "reach an abstract socket": lambda: connect(socket.AF_UNIX, "\0" + there["abstract"]),
        "write the scoring library": lambda: Path(there["library"]).open("ab").close(),
        "write the environment": lambda: Path(there["environment"], "written").touch(),
        "write the bundle": lambda: Path(there["bundle"]).open("ab").close(),
        "read elsewhere": lambda: Path(there["elsewhere"], "file").read_bytes(),
        "read a granted folder": lambda: Path(there["granted"], "file").read_bytes(),
        "write to a granted folder": lambda: Path(there["granted"], "file").open("ab").close(),
        "write elsewhere": lambda: Path(there["elsewhere"], "written").touch(),
        "write what the keeper trusts": lambda: Path(there["control"], "exit").touch(),
        "write its run settings": lambda: Path(there["control"], "run.json").open("ab").close(),
        "let go of the lock": lambda: must(holds(there["lock"])),
        "listen on the port of another service": lambda: listen(there["port"]),
        "remount a folder": lambda: zero(
            libc.mount(b"none", b"/usr", None, ctypes.c_ulong(MS_REMOUNT | MS_BIND), None)
        ),
        "have a capability": lambda: must(int(status()["CapEff"], 16)),
        "gain privileges": lambda: must(status()["NoNewPrivs"].strip() == "0"),
        "be the user of the studio": lambda: must(os.stat(there["home"]).st_uid == there["user"]),
        "write its own folder": lambda: Path(there["home"], "written").touch(),
        "write a temporary file": write_temporary,
        "write a file of 33 GiB": lambda: os.truncate(Path(there["home"], "large"), 33 * 2**30),
        "connect to a port": lambda: connect(socket.AF_INET, ("127.0.0.1", there["web"])),
        "send a datagram": lambda: send_datagram(there["web"]),
        "watch the network's settings": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
        "make many files": make_many_files,
        "start more tasks than it may": lambda: start_tasks(1024 + 64 * os.cpu_count() + 100),
        "nest a user namespace": lambda: zero(nested()),
    }
    Path(os.environ["HOME"], "reached.json").write_text(
        json.dumps({name: works(attempt) for name, attempt in tries.items()})
    )


def run(data):
    return data


def works(attempt):
    try:
        attempt()
    except (OSError, AssertionError):
        return False
    return True


def must(truth):
    assert truth


def zero(result):
    assert result == 0


def nested():
    """In a process of its own, which has one thread."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if libc.unshare(CLONE_NEWUSER) == 0 else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def status():
    lines = Path("/proc/self/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def connect(family, address):
    with socket.socket(family) as one:
        one.settimeout(5)
        one.connect(address)


def send_datagram(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"x", ("127.0.0.1", port))


def listen(port):
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", port))
        one.listen()


def make_many_files():
    import tempfile

    with tempfile.TemporaryDirectory(dir=os.environ["HOME"]) as folder:
        for number in range(2000):
            Path(folder, str(number)).touch()


def start_tasks(count):
    """Threads, which the kernel counts like processes."""
    import threading

    end, started = threading.Event(), []
    try:
        for _ in range(count):
            started.append(threading.Thread(target=end.wait))
            started[-1].start()
    except RuntimeError as refused:  # the last one has not been started
        started.pop()
        raise OSError(str(refused)) from refused
    finally:
        end.set()
        for thread in started:
            thread.join()


def holds(lock):
    """Whether this process has the file open."""
    return lock in {os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if safe(name)}


def safe(name):
    return os.path.lexists(f"/proc/self/fd/{name}")


def write_temporary():
    import tempfile

    with tempfile.TemporaryFile() as file:
        file.write(b"x")
