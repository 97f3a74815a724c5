"""What the crash tests look at and break: processes, folders, disks."""

import os
import pickle
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil

from registry.environments.build_room import SCRATCH
from tests.rest import Rest
from tests.stack import ROOT, Stack

IRIS = ROOT / "samples" / "iris"
REQUEST = (IRIS / "sample-data.json").read_bytes()


def padded_model(size: int) -> bytes:
    """The iris model with a doc_string (field 6 of ONNX's ModelProto) that brings it to about `size` bytes."""
    padding = size
    length = bytearray()
    while padding > 127:
        length.append(padding & 127 | 128)
        padding >>= 7
    return (IRIS / "model.onnx").read_bytes() + bytes([6 << 3 | 2]) + bytes(length) + bytes([padding]) + b"." * size


def children_of(studio: Stack, name: str) -> list[psutil.Process]:
    return psutil.Process(studio.pids[name]).children(recursive=True)


def incoming(studio: Stack) -> list[str]:
    """What lies beside the store. The rooms of inspections stay, empty, for as long as their workers live."""
    folder = studio.data / "artifacts" / ".incoming"
    return sorted(path.name for path in folder.iterdir() if not path.is_dir() or any(path.iterdir()))


def run_of(studio: Stack, service: dict) -> psutil.Process:
    """The one master that serves this service."""
    [master] = masters_on(studio, httpx.URL(service["scoring_uri"]).port)
    return master


def masters_on(studio: Stack, port: int) -> list[psutil.Process]:
    """The scoring servers that listen on a port, without the workers that they have forked."""
    found = []
    for process in studio.processes():
        try:
            if process.cmdline()[1:3] == ["-m", "scoring"] and listens_on(process, port):
                found.append((process, process.ppid()))
        except psutil.Error:
            continue
    listening = {process.pid for process, _ in found}
    return [process for process, parent in found if parent not in listening]


def listens_on(process: psutil.Process, port: int) -> bool:
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in process.net_connections())


def new_model(rest: Rest, name: str) -> str:
    """A version that no service has, ready: services with the same content share a bundle, and build nothing."""
    version = rest.register(name, IRIS / "model.onnx")
    rest.until_ready(version)
    return version


def deploy_with_new_build(rest: Rest, name: str) -> dict:
    return rest.deploy(name, new_model(rest, name))


def call(service: dict, key: str) -> int:
    """The status of one scoring request; 0 when nobody answers."""
    try:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        return httpx.post(service["scoring_uri"], content=REQUEST, headers=headers, timeout=5).status_code
    except httpx.TransportError:
        return 0


@contextmanager
def full_disk(studio: Stack, size: int) -> Iterator[None]:
    """Web cannot write any file beyond `size`: what the kernel then says is handled like a full disk."""
    programs = [psutil.Process(studio.pids["web"]), *children_of(studio, "web")]
    for process in programs:
        process.rlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        for process in programs:
            process.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def inspectors(studio: Stack) -> list[psutil.Process]:
    """Inspections under way: the forks of the fork servers that the workers hold."""
    with suppress(psutil.NoSuchProcess):
        below = psutil.Process(studio.pids["heavy"]).children(recursive=True)
        servers = {process.pid for process in below if _forks(process)}
        return [process for process in below if process.pid in servers and process.ppid() in servers]
    return []


def _forks(process: psutil.Process) -> bool:
    """Whether it is a fork server or a fork of one; bubblewrap, which may have started it, names it too."""
    try:
        return process.name() != "bwrap" and any("fork_server.py" in word for word in process.cmdline())
    except psutil.NoSuchProcess:
        return False


def slow_to_inspect(folder: Path) -> Path:
    """A file whose inspection takes a second or longer: a pickle of very many opcodes."""
    path = folder / "model.pkl"
    path.write_bytes(pickle.dumps([0] * 1_900_000))
    return path


def half_made(studio: Stack) -> list[str]:
    folders = [path for place in ("environments", "bundles") for path in (studio.data / place).iterdir()]
    return [path.name for path in folders if path.is_dir() and path.name.startswith(".")]


def builders(studio: Stack) -> list[int]:
    """Processes that build a package for an environment of the studio."""
    inside, scratch = str(studio.data / "environments"), f"/{SCRATCH}/"
    commands = {process.pid: process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])}
    return [pid for pid, words in commands.items() if any(inside in word and scratch in word for word in words)]


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def is_of_a_service(process: psutil.Process) -> bool:
    try:
        words = process.cmdline()
    except psutil.NoSuchProcess:
        return False
    return any("/services/" in word for word in words) or words[1:2] == ["-c"]
