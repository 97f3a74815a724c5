"""Many clients with distinct requests, and others that disconnect early: does each get the response to its own?"""

import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException

from bench.load import Load
from bench.questions import Question
from bench.server import PeerFailed, Server

ASKERS, QUITTERS = 16, 4
LOCK = threading.Lock()
QUIT_AFTER = (0.0005, 0.002, 0.01)  # seconds; while the question waits, while its batch runs


@dataclass
class CrowdResult:
    """Counts of requests with a right, a wrong or no response (and why), and of clients that disconnected early."""

    right: int = 0
    wrong: int = 0
    unanswered: Counter[str] = field(default_factory=Counter)
    left: int = 0

    @property
    def bad(self) -> int:
        return self.wrong + self.unanswered.total()


def crowd(server: Server, form: str, questions: list[Question], seconds: float) -> CrowdResult:
    """Send requests from all clients for `seconds`."""
    over, left = threading.Event(), [0] * QUITTERS
    quitters = [
        threading.Thread(target=_quit, args=(server.load(form, questions[0]), number, over, left))
        for number in range(QUITTERS)
    ]
    for one in quitters:
        one.start()
    result, end = CrowdResult(), time.monotonic() + seconds
    with ThreadPoolExecutor(ASKERS) as askers:
        for number in range(ASKERS):
            askers.submit(_ask, server, form, questions[number::ASKERS], end, result)
    over.set()
    for one in quitters:
        one.join()
    result.left = sum(left)
    return result


def _ask(server: Server, form: str, questions: list[Question], end: float, result: CrowdResult) -> None:
    while time.monotonic() < end:
        for question in questions:
            try:
                is_right = question.is_right(server.answer(form, question))
            except (OSError, HTTPException, PeerFailed) as error:
                with LOCK:
                    result.unanswered[str(error)[:100]] += 1
            else:
                with LOCK:
                    result.right, result.wrong = result.right + is_right, result.wrong + (not is_right)


def _quit(load: Load, number: int, over: threading.Event, left: list[int]) -> None:
    lines = [f"POST {load.path} HTTP/1.1", "Host: bench", *(f"{name}: {value}" for name, value in load.headers.items())]
    request = "\r\n".join([*lines, f"Content-Length: {len(load.content)}", "", ""]).encode() + load.content
    while not over.is_set():
        with suppress(OSError), socket.create_connection(("127.0.0.1", load.port), timeout=5) as connection:
            connection.sendall(request)
            time.sleep(QUIT_AFTER[left[number] % len(QUIT_AFTER)])
            left[number] += 1
