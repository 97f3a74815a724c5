"""Ejection, repeats, and answers of replicas as they are passed on."""

from unittest.mock import Mock

import pytest

from scoring.front.answers import AnswerReader, Garbage, whole_body
from scoring.front.eject import Health
from scoring.front.exchange import Exchange
from scoring.front.repeat import Failure, may_repeat
from scoring.front.state import Replica, Revision
from scoring.front_contract import FrontReplica


def test_an_ejected_replica_is_probed_at_growing_intervals_until_it_answers():
    health, probes, now = Health(), [], 10.0
    assert health.fail(now)
    assert not health.fail(now)  # it was ejected already
    while now < 20:
        now = round(now + 0.05, 2)
        if health.is_due(now):
            probes.append(now)
            health.probed(now, answered=False)
    assert probes == [10.25, 10.75, 11.75, 13.75, 17.75]
    health.probed(21.0, answered=True)
    assert not health.ejected


@pytest.mark.parametrize(
    ("failure", "before", "held", "expected"),
    [
        (Failure.UNREACHED, 5 * [Failure.UNREACHED], True, True),
        (Failure.UNREACHED, 16 * [Failure.UNREACHED], True, False),
        (Failure.BROKEN, [], True, True),
        (Failure.BROKEN, [Failure.UNREACHED, Failure.UNREACHED, Failure.STALE], True, True),
        (Failure.STALE, [Failure.BROKEN], True, True),
        (Failure.BROKEN, [Failure.BROKEN], True, False),
        (Failure.GARBAGE, [Failure.BROKEN], True, False),
        (Failure.BROKEN, [], False, False),
        (Failure.LATE, [], True, False),
    ],
)
def test_what_may_be_sent_again(failure, before, held, expected):
    assert may_repeat(failure, before, held=held) is expected


def test_the_time_that_a_request_may_take_counts_from_its_first_try():
    sent_again = []
    exchange = Exchange(Mock(dispatch=sent_again.append), Mock(), Mock(), b"", Revision(1, 1), b"body", True)
    for number, now in enumerate((10.0, 15.0)):
        exchange.assign(Replica(FrontReplica(id=str(number), address="")), now)
        exchange.fail(Failure.BROKEN if number else Failure.STALE)
    assert sent_again == [exchange, exchange]
    assert (exchange.sent, exchange.moved) == (15.0, 10.0)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 12", 12),
        (b"HTTP/1.1 500 X\r\ncontent-length: 3\r\na: b", 3),
        (b"HTTP/1.1 204 No Content\r\ncontent-length: 0", -1),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 3", -1),
        (b"HTTP/1.1 200 OK\r\na: b", -1),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4", -1),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nTransfer-Encoding: chunked", -1),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nConnection: close", -1),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nX-Slipway-Revision: 9", -1),
        (b"HTTP/1.1 200 OK\r\nx-content-length: 3", -1),
        (b"garbage\r\ncontent-length: 3", -1),
    ],
)
def test_only_simple_heads_are_passed_on_without_a_closer_look(head, expected):
    assert whole_body(head) == expected


def passed_on(*pieces, is_head=False, is_old=False):
    reader = AnswerReader(b"\r\nx-slipway-revision: 2", is_head=is_head, is_old=is_old)
    return b"".join(map(reader.feed, pieces)), reader


LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\nX-Slipway-Revision: 9\r\n\r\nhello"
CHUNKS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_answer_is_passed_on_the_same_in_whatever_pieces_it_comes(size):
    passed, reader = passed_on(*[LONG[at : at + size] for at in range(0, len(LONG), size)])
    assert passed == b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-slipway-revision: 2\r\n\r\nhello"
    assert reader.done
    assert not reader.reusable


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_chunks_are_passed_on_as_they_are(size):
    passed, reader = passed_on(*[CHUNKS[at : at + size] for at in range(0, len(CHUNKS), size)])
    head, _, body = passed.partition(b"\r\n\r\n")
    assert head == b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-slipway-revision: 2"
    assert body == b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"
    assert reader.done
    assert reader.reusable


def test_a_client_of_http_1_0_gets_no_chunks():
    passed, reader = passed_on(CHUNKS, is_old=True)
    assert passed == b"HTTP/1.1 200 OK\r\nx-slipway-revision: 2\r\nconnection: close\r\n\r\nabcde"
    assert reader.closes


def test_an_interim_answer_is_left_out():
    passed, reader = passed_on(b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" + LONG)
    assert passed.startswith(b"HTTP/1.1 200 OK")
    assert reader.done


def test_an_answer_without_a_length_ends_with_its_connection():
    passed, reader = passed_on(b"HTTP/1.1 200 OK\r\na: b\r\n\r\nabc")
    assert passed.endswith(b"connection: close\r\n\r\nabc")
    assert not reader.done
    assert reader.end()


def test_an_answer_that_is_cut_off_is_not_complete():
    _, reader = passed_on(LONG[:-2])
    assert not reader.end()


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
    ],
)
def test_garbage_is_seen_before_a_client_sees_it(garbage):
    with pytest.raises(Garbage):
        passed_on(garbage)
