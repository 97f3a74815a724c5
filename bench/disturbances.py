"""What callers notice of shadows and of new routing files: `python bench/disturbances.py`.

A front of 300 services. Requests come at a fixed rate, and each is timed from when it was due, so that nobody waits
unseen. Turns of every kind follow each other again and again: what else the machine does meets all kinds alike. Exits
with 1 when a bar is missed.
"""

import argparse
import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import msgspec  # noqa: E402
import uvloop  # noqa: E402

from bench.front import BODY, FRONT_KEY, KEY, replica, running, wait_until_answered  # noqa: E402
from bench.machine import free_port  # noqa: E402
from scoring.front.table import Registry  # noqa: E402
from scoring.front_contract import (  # noqa: E402
    ClientKey,
    FrontReplica,
    FrontRevision,
    FrontService,
    FrontSettings,
    Routing,
    decode_routing,
    encode_routing,
)

SERVICES = 300
RATE = 500  # requests a second
CONNECTIONS = 32
CHANGES = 4  # new routing files a second
SLEEP_SECONDS = 5.0
QUIET, SLEEPS, CRASHES, ANSWERS, CHANGING = "nothing", "sleeps 5 s", "crashes", "answers", "new routing files"
SHADOWS = {SLEEPS: 1, CRASHES: 2, ANSWERS: 3}  # the service with such a shadow
BAR = 1.1  # times the p99 without


def main() -> int:
    options = _options()
    if options.shadow:
        asyncio.run(_shadow(*options.shadow.split(":")))
        return 0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slipway-bench-disturbances-")))
        first, second = (stack.enter_context(replica(folder / f"replica{number}", number)) for number in (1, 2))
        mirrors = {ANSWERS: second} | {kind: stack.enter_context(shadow(folder, kind)) for kind in (SLEEPS, CRASHES)}
        port = stack.enter_context(front(folder, first, mirrors))
        for number in (0, *SHADOWS.values()):
            wait_until_answered(port, _path(number))
        turns = uvloop.run(measure(port, folder, options))
    text = report(turns, parsing(), options)
    print(text)
    return 0 if all(met for _, met in bars(turns)) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=1.0, help="of a turn")
    parser.add_argument("--shadow", help=argparse.SUPPRESS)
    return parser.parse_args()


# -- what is set up


@contextmanager
def shadow(folder: Path, kind: str) -> Iterator[int]:
    """A replica that sleeps before each answer, or closes the connection without one."""
    port = free_port()
    (folder / kind).mkdir()
    with running([sys.executable, __file__, "--shadow", f"{port}:{kind}"], folder / kind):
        yield port


async def _shadow(port: str, kind: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                if not head.startswith(b"GET / "):
                    await reader.readexactly(len(BODY))
                    if kind == CRASHES:
                        break
                    await asyncio.sleep(SLEEP_SECONDS)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", int(port)) as server:
        await server.serve_forever()


@contextmanager
def front(folder: Path, port: int, mirrors: dict[str, int]) -> Iterator[int]:
    """A front of all services, each of which is answered by the same replica."""
    ours = free_port()
    settings = FrontSettings(routing=str(folder / "routing"), folder=str(folder / "state"), port=ours)
    (folder / "settings.json").write_bytes(msgspec.json.encode(settings))
    write(folder, routing(1, port, mirrors))
    with running([sys.executable, "-m", "scoring.front", str(folder / "settings.json")], folder):
        yield ours


def routing(number: int, port: int, mirrors: dict[str, int]) -> Routing:
    """The routing file of so many services; `number` also changes the last of them."""
    keys = [ClientKey(name=name, digest=sha256(key.encode()).hexdigest())
            for name, key in (("primary", KEY), ("secondary", "other"))]  # fmt: skip
    services = []
    for one in range(SERVICES):
        revisions = [FrontRevision(number=1, replicas=[FrontReplica(id=f"s{one}", address=f"127.0.0.1:{port}")])]
        for kind, mirror in mirrors.items():
            if SHADOWS[kind] == one:
                copied = FrontReplica(id=kind, address=f"127.0.0.1:{mirror}")
                revisions.append(FrontRevision(number=2, mirror_percent=100, replicas=[copied]))
        services.append(FrontService(id=one, workspace="default", name=f"s{one}", default=1, revisions=revisions,
                                     keys=keys, front_key=FRONT_KEY, seed="bench"))  # fmt: skip
    services[-1].seed = str(number)
    return Routing(number=number, services=services)


def write(folder: Path, routes: Routing) -> None:
    (folder / "routing.new").write_bytes(encode_routing(routes))
    os.replace(folder / "routing.new", folder / "routing")


def _path(number: int) -> str:
    return f"/default/s{number}/score"


# -- what is measured

Turns = dict[str, list[list[float]]]  # by kind, milliseconds of the requests of each turn


async def measure(port: int, folder: Path, options: argparse.Namespace) -> Turns:
    """All kinds in turns, in another order each time."""
    load = OpenLoop(port)
    await load.run(0, 1.0)
    turns: Turns = {kind: [] for kind in (QUIET, *SHADOWS, CHANGING)}
    for _ in range(options.rounds):
        for kind in random.sample(list(turns), len(turns)):
            changes = asyncio.create_task(_change(folder)) if kind == CHANGING else None
            turns[kind].append(await load.run(SHADOWS.get(kind, 0), options.seconds))
            if changes is not None:
                changes.cancel()
    return turns


async def _change(folder: Path) -> None:
    """Write new routing files, in which one service has changed."""
    routes = decode_routing((folder / "routing").read_bytes())
    while True:
        routes.number += 1
        routes.services[-1].seed = str(routes.number)
        encoded = await asyncio.to_thread(encode_routing, routes)
        (folder / "routing.new").write_bytes(encoded)
        os.replace(folder / "routing.new", folder / "routing")
        await asyncio.sleep(1 / CHANGES)


class OpenLoop:
    """Sends requests when they are due, over connections that are kept."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self._opened = 0

    async def run(self, service: int, seconds: float) -> list[float]:
        """Milliseconds from when each request was due to its answer."""
        head = f"POST {_path(service)} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
        began, sent = time.perf_counter(), []
        for number in range(int(RATE * seconds)):
            due = began + number / RATE
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            sent.append(asyncio.create_task(self._ask(head.encode() + BODY, due)))
        return list(await asyncio.gather(*sent))

    async def _ask(self, request: bytes, due: float) -> float:
        if self._free.empty() and self._opened < CONNECTIONS:
            self._opened += 1
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        else:
            reader, writer = await self._free.get()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
        if not head.startswith(b"HTTP/1.1 200") or not body.startswith(b"{"):
            raise RuntimeError(f"a caller was answered {head!r} {body[:100]!r}")
        self._free.put_nowait((reader, writer))
        return (time.perf_counter() - due) * 1000


def parsing() -> tuple[int, float, float]:
    """Bytes of the routing file, and milliseconds to read it: the first one, and one with a single change."""
    files = [encode_routing(routing(number, 1, {kind: 1 for kind in SHADOWS})) for number in range(1, 12)]
    registry, took = Registry(), []
    for file in files:
        began = time.process_time()
        registry.build(decode_routing(file))
        took.append((time.process_time() - began) * 1000)
    return len(files[0]), took[0], statistics.median(took[1:])


# -- what it means


def percentile(values: list[float], percent: float) -> float:
    return sorted(values)[min(int(len(values) * percent / 100), len(values) - 1)]


def ratio(turns: Turns, kind: str) -> tuple[float, float, float]:
    """The p99 of a kind over that without anything, medians over turns, and where 95 % of resampled turns have it."""
    ours, quiet = ([percentile(turn, 99) for turn in turns[one]] for one in (kind, QUIET))
    drawn = random.Random(1)
    found = sorted(
        statistics.median(drawn.choices(ours, k=len(ours))) / statistics.median(drawn.choices(quiet, k=len(quiet)))
        for _ in range(2000)
    )
    return statistics.median(ours) / statistics.median(quiet), found[50], found[1949]


def bars(turns: Turns) -> list[tuple[str, bool]]:
    """Each bar in words, and whether it is met."""
    found = []
    for kind in (SLEEPS, CRASHES):
        value, low, high = ratio(turns, kind)
        words = f"p99 with a shadow that {kind}: {value:.2f}x of that without ({low:.2f} to {high:.2f}; bar {BAR:g}x)"
        found.append((words, value < BAR))
    return found


def report(turns: Turns, read: tuple[int, float, float], options: argparse.Namespace) -> str:
    size, first, later = read
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    lines = [
        "## What callers notice of shadows and of new routing files",
        "",
        f"Written by `python bench/disturbances.py` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores "
        f"(load {load}). {SERVICES} services, {RATE} requests/s",
        f"to one of them, timed from when each was due; {options.rounds} turns of {options.seconds:g} s of each kind, "
        "in turns. A shadow gets copies of all requests; of",
        f"{CHANGES} routing files a second each changes one service. All callers got the right answer.",
        "",
        "| | p50 ms | p99 of a turn, median, ms | p99 of all, ms | longest ms | p99 of a turn, times that of nothing |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kind, chosen in turns.items():
        all_of = [one for turn in chosen for one in turn]
        typical = statistics.median(percentile(turn, 99) for turn in chosen)
        figures = (percentile(all_of, 50), typical, percentile(all_of, 99), max(all_of))
        shown = " | ".join(f"{one:.2f}" for one in figures)
        versus = "–" if kind == QUIET else "{:.2f} ({:.2f} to {:.2f})".format(*ratio(turns, kind))
        name = f"a shadow that {kind}" if kind in SHADOWS else kind
        lines.append(f"| {name} | {shown} | {versus} |")
    lines += [
        "",
        f"A routing file of {size // 1024} KiB takes {first:.1f} ms of processor time the first time, and "
        f"{later:.1f} ms when one service has changed.",
        "",
        *(f"- {'met' if met else '**missed**'}: {words}" for words, met in bars(turns)),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
