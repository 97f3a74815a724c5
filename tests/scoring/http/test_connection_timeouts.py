"""Time limits of a connection: they measure how long the client keeps the server waiting, not the reverse."""

import asyncio
from time import monotonic

import pytest

from scoring.http.connection import BODY_IDLE_SECONDS, KEEP_ALIVE_SECONDS, WRITE_IDLE_SECONDS, Connection
from scoring.http.head_cache import HeadCache
from scoring.process.acceptor import OUT_OF_FILES_SECONDS, Acceptor
from tests.scoring.http.test_head_cache import FakeTransport, RecordingHandler, post

HALF, MOMENT = WRITE_IDLE_SECONDS * 2 / 3, 0.1


class SlowTransport(FakeTransport):
    """The transport of a client that reads slowly, or not at all: closing waits until all is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.unsent, self.aborted = 1_000_000, False

    def get_write_buffer_size(self):
        return self.unsent

    def pause_reading(self):
        pass

    def abort(self):
        self.aborted = True


@pytest.fixture
def new_connection():
    """A connection whose requests are answered later."""

    def made(answer=None):
        connection = Connection(RecordingHandler(HeadCache(), answer))
        connection.connection_made(SlowTransport())
        return connection, connection._transport

    return made


def test_slow_but_steady_reader_gets_whole_response(new_connection):
    connection, transport = new_connection()
    connection.pause_writing()
    for look in range(1, 10):
        transport.unsent -= 10_000
        connection.sweep(monotonic() + look * HALF)
    assert not transport.aborted


def test_client_that_stops_reading_is_disconnected(new_connection):
    connection, transport = new_connection()
    connection.pause_writing()
    connection.sweep(monotonic() + HALF)
    connection.sweep(monotonic() + WRITE_IDLE_SECONDS + MOMENT)
    assert transport.aborted


def test_keep_alive_timeout_starts_after_the_response(new_connection):
    connection, transport = new_connection()
    connection.data_received(post(b"1"))
    later = monotonic() + 2 * KEEP_ALIVE_SECONDS
    connection.sweep(later)
    connection.busy = False  # its response has been sent
    connection.sweep(later + KEEP_ALIVE_SECONDS - MOMENT)
    assert not transport.aborted
    connection.sweep(later + KEEP_ALIVE_SECONDS + MOMENT)
    assert transport.aborted


def test_pipelined_request_has_its_body_timeout_after_its_turn(new_connection):
    connection, transport = new_connection()
    connection.data_received(post(b"1") + post(b"22")[:-1])
    later = monotonic() + 2 * BODY_IDLE_SECONDS
    connection.sweep(later)
    connection.busy = False
    connection.sweep(later + MOMENT)
    assert transport.written == []
    connection.data_received(b"2")
    assert [body for _, _, _, body, _ in connection._handler.asked] == [b"1", b"22"]


def test_client_that_never_reads_last_response_is_disconnected(new_connection):
    connection, transport = new_connection(answer=b"the last answer")
    connection.data_received(post(b"1", b"Connection: close"))
    assert (transport.closed, transport.aborted) == (True, False)
    connection.sweep(monotonic() + KEEP_ALIVE_SECONDS + MOMENT)
    assert transport.aborted


def test_accepting_is_retried_slowly_when_out_of_file_descriptors(monkeypatch):
    tried = []

    class Full:
        def fileno(self):
            return 0

        def accept(self):
            tried.append(monotonic())
            raise OSError(24, "Too many open files")

    async def wait():
        loop = asyncio.get_running_loop()
        readers = []

        def add_reader(_, call):  # the listener stays readable, as one of a full process does
            readers.append(loop.call_soon(call))

        monkeypatch.setattr(loop, "add_reader", add_reader)
        monkeypatch.setattr(loop, "remove_reader", lambda _: [one.cancel() for one in readers])
        Acceptor(Full(), asyncio.Protocol, lambda: [0], 0).start()
        await asyncio.sleep(10 * OUT_OF_FILES_SECONDS)

    asyncio.run(wait())
    assert len(tried) <= 12
