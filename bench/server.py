"""One start of a peer: launched, asked until it answers rightly, guarded, ended."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from bench.environment import environment
from bench.load import Load
from bench.machine import Family, free_port, listeners
from bench.peers.peer import Peer, Place
from bench.questions import Arrays, Question

START_SECONDS, ANSWER_SECONDS, PAUSE_SECONDS = 120, 30, 0.005
# What would change a peer's start: other packages in its path, and bytecode that is never kept.
NOT_PASSED_ON = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"}


class PeerFailed(Exception):
    """It does not start, or answers wrongly; the message tells the rest."""


class Server:
    """A running peer."""

    def __init__(self, peer: Peer, place: Place, process: subprocess.Popen) -> None:
        self.peer, self.place = peer, place
        self.family = Family(process)
        self._began = time.monotonic()

    def load(self, form: str, question: Question) -> Load:
        body = self.peer.forms[form].write(question.inputs)
        return Load(self.place.port, self.peer.path(question), body.content, {**body.headers, **self.peer.headers})

    def answer(self, form: str, question: Question) -> Arrays:
        """Ask once on a connection of its own. PeerFailed when the answer is not 200; OSError when there is none."""
        load = self.load(form, question)
        connection = HTTPConnection("127.0.0.1", load.port, timeout=ANSWER_SECONDS)
        try:
            connection.request("POST", load.path, load.content, load.headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise PeerFailed(f"{answer.status}: {content[:300].decode(errors='replace')}")
        try:
            return self.peer.forms[form].read(content, answer.headers)
        except (KeyError, TypeError, ValueError) as error:
            raise PeerFailed(f"an answer that cannot be read ({error!r}): {content[:300]!r}") from error

    def wait_for_answer(self, question: Question) -> float:
        """Seconds from the launch to the first right answer."""
        end, refusal = self._began + START_SECONDS, ""
        while time.monotonic() < end and not self.family.has_ended():
            try:
                answer = self.answer("json", question)
            except (OSError, HTTPException, PeerFailed) as error:
                refusal = str(error)
                time.sleep(PAUSE_SECONDS)
                continue
            took = time.monotonic() - self._began
            self._guard(question.is_right(answer))
            return took
        raise PeerFailed(f"no answer ({refusal})")

    def check(self, form: str, question: Question) -> None:
        """PeerFailed unless it answers rightly in this form."""
        try:
            answer = self.answer(form, question)
        except (OSError, HTTPException) as error:
            raise PeerFailed(f"no answer: {error!r}") from error
        self._guard(question.is_right(answer))

    def _guard(self, right: bool) -> None:
        if others := self.family.foreign_listeners(self.place.port):
            raise PeerFailed(f"processes {others} listen on its port and are not its own")
        if not right:
            raise PeerFailed("it answers otherwise than ONNX Runtime itself")


@contextmanager
def started(peer: Peer, question: Question, telemetry_port: int) -> Iterator[Server]:
    """Launch a peer and end it afterwards. PeerFailed tells the end of its log."""
    bin_ = environment(peer.name.partition("-")[0], peer.requirements)
    with tempfile.TemporaryDirectory(prefix=f"slipway-bench-{peer.name}-") as name:
        place = Place(Path(name), bin_, free_port(), question, telemetry_port)
        peer.write(place)
        if listeners(place.port):
            raise PeerFailed(f"port {place.port} is taken")
        process = _launch(peer, place)
        server = Server(peer, place, process)
        try:
            yield server
        except PeerFailed as error:
            raise PeerFailed(f"{error}\n{_log_end(place)}") from error
        finally:
            server.family.stop()


def _launch(peer: Peer, place: Place) -> subprocess.Popen:
    kept = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    environ = kept | {"PATH": f"{place.bin}:{os.environ['PATH']}"} | peer.environ(place)
    with _log(place).open("w") as log:
        return subprocess.Popen(
            peer.command(place), cwd=place.folder, env=environ, stdout=log, stderr=log, start_new_session=True
        )


def _log(place: Place) -> Path:
    return place.folder / "bench.log"


def _log_end(place: Place) -> str:
    return "\n".join(_log(place).read_text(errors="replace").splitlines()[-15:])
