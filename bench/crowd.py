"""Many clients with questions of their own, and others that leave in the middle: is every answer the asker's own?"""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException

from bench.load import Load
from bench.questions import Question
from bench.server import PeerFailed, Server

ASKERS, QUITTERS = 16, 4
QUIT_AFTER = (0.0005, 0.002, 0.01)  # seconds; while the question waits, while its batch runs


@dataclass(frozen=True)
class Told:
    """How many were answered rightly, wrongly or not at all, and how many left before their answer."""

    right: int
    wrong: int
    unanswered: int
    left: int


def crowd(server: Server, form: str, questions: list[Question], seconds: float) -> Told:
    """Ask from all sides for a while."""
    over, left = threading.Event(), [0] * QUITTERS
    quitters = [
        threading.Thread(target=_quit, args=(server.load(form, questions[0]), number, over, left))
        for number in range(QUITTERS)
    ]
    for one in quitters:
        one.start()
    end = time.monotonic() + seconds
    with ThreadPoolExecutor(ASKERS) as askers:
        told = list(askers.map(lambda number: _ask(server, form, questions[number::ASKERS], end), range(ASKERS)))
    over.set()
    for one in quitters:
        one.join()
    return Told(*(sum(column) for column in zip(*told, strict=True)), sum(left))


def _ask(server: Server, form: str, questions: list[Question], end: float) -> tuple[int, int, int]:
    right = wrong = unanswered = 0
    while time.monotonic() < end:
        for question in questions:
            try:
                fits = question.is_right(server.answer(form, question))
            except (OSError, HTTPException, PeerFailed):
                unanswered += 1
            else:
                right, wrong = right + fits, wrong + (not fits)
    return right, wrong, unanswered


def _quit(load: Load, number: int, over: threading.Event, left: list[int]) -> None:
    lines = [f"POST {load.path} HTTP/1.1", "Host: bench", *(f"{name}: {value}" for name, value in load.headers.items())]
    request = "\r\n".join([*lines, f"Content-Length: {len(load.content)}", "", ""]).encode() + load.content
    while not over.is_set():
        with suppress(OSError), socket.create_connection(("127.0.0.1", load.port), timeout=5) as connection:
            connection.sendall(request)
            time.sleep(QUIT_AFTER[left[number] % len(QUIT_AFTER)])
            left[number] += 1
