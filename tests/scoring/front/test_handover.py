"""The listening socket outlives front processes and keepers: nothing is lost when they are replaced."""

import asyncio
import os
import signal
import threading
import time
from datetime import UTC, datetime
from hashlib import sha256

import psutil

from scoring.front.front import DRAIN_IDLE_SECONDS
from scoring.front_contract import ClientKey
from tests.scoring.conftest import read_answers
from tests.scoring.front.fronts import KEY, ok, request_bytes, revision, service

SWAPS, CLIENTS = 10, 16


class Caller:
    """Sends requests one after another, on a connection that it keeps or on a new one each time."""

    def __init__(self, port: int, *, keeps: bool) -> None:
        self._port, self._keeps = port, keeps
        self.answered, self.lost = 0, []

    async def run(self, until: asyncio.Event) -> None:
        reader = writer = None
        used = before = time.monotonic()
        while not until.is_set():
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                used, before = time.monotonic(), used
                writer.write(request_bytes())
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
                assert head.startswith(b"HTTP/1.1 200"), head
                self.answered += 1
                closes = b"connection: close" in head or not self._keeps
            except (OSError, asyncio.IncompleteReadError, AssertionError) as error:
                self.lost.append(f"{datetime.now(UTC)} {error!r}, {used - before:.1f} s after the one before")
                closes = True
            if closes and writer is not None:
                writer.close()
                reader = writer = None
            await asyncio.sleep(0.005)


def lost_during(front, swap) -> tuple[int, list[str]]:
    """Calls `swap` in a thread while callers send requests: how many were answered, and what was lost."""

    async def run():
        callers = [Caller(front.port, keeps=bool(number % 2)) for number in range(2 * CLIENTS)]
        until = asyncio.Event()
        tasks = [asyncio.create_task(one.run(until)) for one in callers]
        await asyncio.to_thread(swap)
        until.set()
        await asyncio.gather(*tasks)
        return sum(one.answered for one in callers), [one for caller in callers for one in caller.lost]

    return asyncio.run(run())


def test_a_new_front_process_takes_over_without_losing_a_request(own_front, stub):
    front = own_front().start(service(revision(1, stub())))

    def swap():
        for _ in range(SWAPS):
            before = front.state()["front"]
            front.process.send_signal(signal.SIGHUP)
            front.until(lambda before=before: front.state()["front"] != before)

    answered, lost = lost_during(front, swap)
    assert answered > 1000
    assert lost == [], front.log()


def test_a_request_that_crosses_the_end_of_an_idle_connection_is_answered(own_front, stub):
    """The front process is held up while both are due."""
    front = own_front().start(service(revision(1, stub())))
    before = front.state()["front"]
    with front.connect() as idle:
        idle.sendall(request_bytes())
        assert read_answers(idle)[0][0] == 200
        front.process.send_signal(signal.SIGHUP)
        front.until(lambda: front.state()["front"] != before)
        front.until(lambda: f"[{before}] scoring - draining" in front.log())
        os.kill(before, signal.SIGSTOP)
        time.sleep(DRAIN_IDLE_SECONDS + 1)
        idle.sendall(request_bytes())
        os.kill(before, signal.SIGCONT)
        assert read_answers(idle)[0][0] == 200


def test_a_front_process_that_is_killed_is_replaced_at_once(own_front, stub):
    front = own_front().start(service(revision(1, stub())))

    def swap():
        before = front.state()["front"]
        os.kill(before, signal.SIGKILL)
        assert front.score().status_code == 200  # it waits in the queue of the socket, which the keeper holds
        assert front.state()["front"] != before
        time.sleep(0.5)

    answered, lost = lost_during(front, swap)
    assert answered > 100
    assert len(lost) <= 2 * CLIENTS  # what each client was waiting for when it died, and nothing after that


def test_starting_the_program_once_more_takes_the_address_over_without_losing_a_request(own_front, stub):
    front = own_front().start(service(revision(1, stub())))
    first = front.process

    def swap():
        before = front.state()["keeper"]
        front.process = front.launch()
        front.until(lambda: front.state()["keeper"] != before)
        assert first.wait(30) == 0

    answered, lost = lost_during(front, swap)
    assert answered > 100
    assert lost == [], front.log()


def test_the_front_serves_on_when_its_keeper_is_killed_until_the_next_one_takes_over(own_front, stub):
    front = own_front().start(service(revision(1, stub())))
    serving = front.state()["front"]
    front.process.kill()
    front.process.wait()
    assert front.score().status_code == 200
    front.until((front.folder / "front" / "front.sock").exists)
    time.sleep(1.2)  # the orphan looks once a second whether its keeper lives

    def swap():
        front.process = front.launch()
        front.until(lambda: front.state()["front"] != serving)
        front.until(lambda: not psutil.pid_exists(serving))

    answered, lost = lost_during(front, swap)
    assert answered > 100
    assert lost == [], front.log()


def test_quotas_go_on_in_the_next_front_process(own_front, stub):
    key = ClientKey(name="ci", digest=sha256(KEY.encode()).hexdigest(), requests_a_day=2)
    front = own_front().start(service(revision(1, stub()), keys=[key]))
    assert front.score().status_code == 200
    kept = front.folder / "front" / "quotas"
    front.until(lambda: any(b'"requests":1' in file.read_bytes() for file in kept.glob("*.json")))
    before = front.state()["front"]
    os.kill(before, signal.SIGKILL)
    front.until(lambda: front.state()["front"] != before)
    assert [front.score().status_code for _ in range(2)] == [200, 429]


def test_sigterm_finishes_what_is_under_way_and_ends(own_front, stub):
    release = threading.Event()
    replica = stub(lambda asked, connection: release.wait(20) and ok(b"at last"))
    front = own_front().start(service(revision(1, replica)))
    with front.connect() as idle, front.connect() as asking:
        asking.sendall(request_bytes())
        front.until(replica.scored)
        front.process.send_signal(signal.SIGTERM)
        assert idle.recv(1) == b""  # it ends, and waits only for what is under way
        assert front.process.poll() is None
        release.set()
        [(status, headers, body)] = read_answers(asking)
        assert (status, headers["connection"], body) == (200, "close", b"at last")
        assert front.process.wait(20) == 0


def test_settings_that_cannot_be_used_change_nothing(own_front, stub):
    front = own_front().start(service(revision(1, stub())))
    front.settings_file.write_text("{")
    front.process.send_signal(signal.SIGHUP)
    front.until(lambda: "is no settings file of the front" in front.log())
    assert front.score().status_code == 200
