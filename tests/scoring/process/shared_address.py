"""A service of several replicas that take turns at one address."""

import json
import signal
import socket
from pathlib import Path

import httpx

from tests.scoring.conftest import KEY, Replica, free_port, read_answers, request_bytes

WAITING = """
import pathlib, time

def init():
    pass

def run(data):
    pathlib.Path("{folder}/begun").touch()
    while not pathlib.Path("{folder}/may-end").exists():
        time.sleep(0.01)
    return "waited"
"""
SHARED_BY = "def init():\n    pass\ndef run(data):\n    return '{}'\n"


class SharedAddress:
    """A service: replicas with one address and one unix socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.replicas: list[Replica] = []

    def replica(self) -> Replica:
        number = len(self.replicas)
        made = Replica(self.folder / f"instance-{number}")
        made.port = self.port
        made.client.base_url = f"http://127.0.0.1:{self.port}"
        made.settings |= {
            "port": self.port,
            "revision": number,
            "serve_on_request": True,
            "handover": str(self.folder / "handover.sock"),
        }
        self.replicas.append(made)
        return made

    def saying(self, word: str) -> Replica:
        """A replica that answers every request with a word of its own."""
        return self.replica().with_script(SHARED_BY.format(word))

    def waiting(self) -> Replica:
        """A replica that answers a request only once `end_request` has been called."""
        return self.replica().with_script(WAITING.format(folder=self.folder))

    def wait_for_request(self) -> None:
        """Until it works on one."""
        self.replicas[0].until((self.folder / "begun").exists)

    def end_request(self) -> None:
        (self.folder / "may-end").touch()

    def close(self) -> None:
        for one in self.replicas:
            one.close()


def serve(replica: Replica) -> None:
    """Let it take the address, and wait until it has."""
    (replica.folder / "serving").touch()
    replica.process.send_signal(signal.SIGHUP)
    replica.until(lambda: replica.status().get("serving"))


def leave(replica: Replica, *, drained: bool = True) -> None:
    """Let it leave the address, and wait until nobody is connected to it there."""
    (replica.folder / "serving").unlink()
    replica.process.send_signal(signal.SIGHUP)
    replica.until(lambda: not replica.status().get("serving"))
    if drained:
        replica.until(lambda: not replica.status().get("connections"))


def private(replica: Replica, path: str = "/score", body: str | None = "1") -> httpx.Response:
    """What the replica answers at its own endpoint: to a GET where there is no body."""
    method, endpoint = "GET" if body is None else "POST", replica.status()["endpoints"]["http"]
    headers = {"Authorization": f"Bearer {KEY}"}
    return httpx.request(method, endpoint + path, content=body, headers=headers, trust_env=False)


def ask(address: SharedAddress) -> str:
    """What a new connection to the address is answered."""
    with socket.create_connection(("127.0.0.1", address.port), timeout=20) as connection:
        connection.sendall(request_bytes(b"1"))
        ((status, _, body),) = read_answers(connection)
    assert status == 200
    return json.loads(body)
