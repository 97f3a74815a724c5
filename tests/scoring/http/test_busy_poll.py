"""The loop stays awake only for clients that return at once."""

import asyncio
import os
from collections import deque

import pytest

from scoring.http import busy_poll
from scoring.http.busy_poll import WINDOW, BusyPoll, has_cores_to_spare


class Loop(asyncio.AbstractEventLoop):
    """An event loop that runs one iteration at a time."""

    def __init__(self) -> None:
        self.due = deque()

    def call_soon(self, call, *args, context=None):
        self.due.append(call)

    def iterate(self) -> None:
        for _ in range(len(self.due)):
            self.due.popleft()()


@pytest.fixture
def clock(monkeypatch):
    now = [0]
    monkeypatch.setattr(busy_poll, "perf_counter_ns", lambda: now[0])
    return now


@pytest.fixture
def loop():
    return Loop()


@pytest.fixture
def poll(loop):
    return BusyPoll(loop)


def answer(poll, clock, *, after: int) -> None:
    """A request that arrives so long after the last answer, and is answered 20 µs later."""
    arrived = clock[0] + after
    clock[0] = arrived + 20_000
    poll.answered(arrived, clock[0])


def test_first_request_starts_no_busy_poll(poll, loop, clock):
    clock[0] = 10 * WINDOW
    answer(poll, clock, after=0)
    assert not loop.due


def test_quick_return_starts_busy_poll(poll, loop, clock):
    answer(poll, clock, after=5 * WINDOW)
    answer(poll, clock, after=WINDOW // 2)
    for _ in range(3):
        clock[0] += WINDOW // 4
        loop.iterate()
        assert len(loop.due) == 1


def test_busy_poll_ends_without_a_request(poll, loop, clock):
    answer(poll, clock, after=5 * WINDOW)
    answer(poll, clock, after=WINDOW // 2)
    clock[0] += WINDOW
    loop.iterate()
    assert not loop.due
    answer(poll, clock, after=WINDOW)
    answer(poll, clock, after=WINDOW // 2)
    assert loop.due, "it does not look again for who comes back at once again"


def test_slow_client_starts_no_busy_poll(poll, loop, clock):
    for _ in range(10):
        answer(poll, clock, after=WINDOW)
        assert not loop.due


def test_many_responses_poll_once_per_loop_iteration(poll, loop, clock):
    for _ in range(10):
        answer(poll, clock, after=WINDOW // 10)
    assert len(loop.due) == 1


@pytest.mark.parametrize(
    ("machine", "cpus", "spare"),
    [(8, None, True), (8, 1, True), (8, 0.5, False), (1, None, False), (None, None, False)],
)
def test_busy_poll_needs_a_core_of_its_own(monkeypatch, machine, cpus, spare):
    monkeypatch.setattr(os, "cpu_count", lambda: machine)
    assert has_cores_to_spare(cpus) is spare
