"""The load generator as a program, against a server of the test."""

import pytest

from monitoring.errors import LoadFailed
from monitoring.profiling.generator import run_load
from monitoring.profiling.latencies import percentile
from monitoring.profiling.messages import Inline, Plan
from tests.monitoring.profiling.answering import OK, Server, after, always, at_once

QUICK = {"bodies": Inline(texts=['{"row": 1}']), "warm_up_seconds": 0.2, "repeat_seconds": 0.5}


def one(server, **changes):
    (repeat,) = run_load(Plan(**QUICK | {"address": server.address, "connections": 2} | changes))
    return repeat


def test_a_closed_loop_has_as_many_requests_at_once_as_connections():
    with Server(after(0.02)) as server:
        repeat = one(server, connections=4)
    assert 20 <= percentile(repeat.latency, 0.5) < 40
    assert repeat.answered == pytest.approx(4 * 0.5 / 0.022, rel=0.3)
    assert (repeat.errors, set(repeat.statuses)) == ({}, {"200"})


def test_an_open_loop_sends_at_its_rate_whatever_the_answers():
    with Server(after(0.2)) as server:
        repeat = one(server, connections=None, rate=100, repeat_seconds=1)
    assert repeat.sent == repeat.answered == pytest.approx(100, abs=1)
    assert percentile(repeat.latency, 0.5) >= 200


def test_requests_carry_bodies_in_turn_and_headers():
    with Server(at_once) as server:
        repeat = one(
            server,
            connections=1,
            bodies=Inline(texts=["1", "2", "3"]),
            headers={"Authorization": "Bearer some-key"},
            warm_up_seconds=0,
            repeat_requests=7,
        )
    assert repeat.answered == 7
    assert server.asked[:7] == [b"1", b"2", b"3", b"1", b"2", b"3", b"1"]
    assert b"Authorization: Bearer some-key\r\n" in server.heads[0]


def test_latency_counts_from_the_intended_moment():
    """A pause of the whole service shows in every request that came due meanwhile (coordinated omission)."""
    import asyncio
    import time

    paused = []

    async def pauses_once(asked):
        if asked.number == 60 and not paused:
            paused.append(True)
            time.sleep(0.5)  # everything stands
        await asyncio.sleep(0)
        return OK

    with Server(pauses_once) as server:
        repeat = one(server, connections=None, rate=100, repeat_seconds=1.5)
    assert repeat.answered == pytest.approx(150, abs=2)
    assert percentile(repeat.latency, 0.9) == pytest.approx(350, abs=100)


def test_an_address_without_a_server_is_unreachable():
    with Server(at_once) as server:
        pass
    with pytest.raises(LoadFailed) as told:
        run_load(Plan(**QUICK, address=server.address, connections=1))
    assert told.value.code == "unreachable"
    assert str(server.port) in told.value.message


def test_a_service_that_answers_errors_only_is_given_up_with_an_example():
    broken = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 9\r\n\r\nno column"
    with Server(always(broken)) as server, pytest.raises(LoadFailed) as told:
        one(server, repeat_seconds=60)
    assert (told.value.code, told.value.evidence) == ("only_errors", "500: no column")
