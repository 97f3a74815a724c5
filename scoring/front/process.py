"""The front process, started by the keeper, which gives it the listening sockets.

SIGTERM: another front process serves; drain. SIGINT: nobody comes after; finish what is under way and end.
"""

import asyncio
import gc
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic

import uvloop

from scoring.core.log import log
from scoring.front.downstream import Downstream
from scoring.front.front import Front
from scoring.front.redirect import Redirect
from scoring.front.report import Reporter
from scoring.front.settings import read_settings
from scoring.front.tls import server_context
from scoring.front_contract import FrontSettings
from scoring.process.handover import Handover

HANDOVERS = ("front.sock", "redirect.sock")  # where the listening sockets of port and redirect_port are handed over
LISTEN, READY = "SLIPWAY_LISTEN_FDS", "SLIPWAY_READY_FD"
TICK_SECONDS, SWEEP_SECONDS = 0.1, 1.0
HANDSHAKE_SECONDS = 10.0  # of TLS
STOP_SECONDS = 10.0  # after SIGINT
LONGEST_DRAIN = 600.0
CALLS_SECONDS = 30.0  # for connections of gRPC, which are not told to end


class FrontProcess:
    """Serves until told to end."""

    def __init__(self, settings: FrontSettings) -> None:
        self._settings = settings
        self._front: Front
        self._servers: list[asyncio.Server] = []
        self._ended = asyncio.Event()
        self._drains_until = self._drains_calls_until = 0.0
        self._keeper = os.getppid()

    async def run(self) -> None:
        """From the first table to the last answer."""
        loop = asyncio.get_running_loop()
        reporter = Reporter(self._settings)
        front = self._front = Front(self._settings, reporter.hurry)
        reporter.start(front)
        front.read_routing()
        await self._listen(server_context(self._settings))
        loop.add_signal_handler(signal.SIGTERM, self._drain)
        loop.add_signal_handler(signal.SIGINT, self._stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if ready := int(os.environ.pop(READY, "0")):
            os.write(ready, b"ready")
            os.close(ready)
        gc.collect()
        gc.freeze()
        ticks = loop.create_task(self._tick())
        sweeps = loop.create_task(self._sweep())
        await self._ended.wait()
        ticks.cancel()
        sweeps.cancel()
        front.dispatcher.close()
        front.quotas.tick()
        await reporter.close(front)

    async def _listen(self, context: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        numbers = [int(one) for one in os.environ.pop(LISTEN).split(",")]
        sockets = [socket.socket(fileno=number) for number in numbers]
        folder = Path(self._settings.folder)
        self._handovers = [Handover(folder / name, one.dup()) for name, one in zip(HANDOVERS, sockets, strict=False)]
        front, is_tls = self._front, context is not None
        self._servers.append(
            await loop.create_server(
                lambda: Downstream(front, tls=is_tls), sock=sockets[0], ssl=context, backlog=4096,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if is_tls else None,
            )
        )  # fmt: skip
        for one in sockets[1:]:
            self._servers.append(await loop.create_server(self._redirect, sock=one, backlog=1024))

    def _redirect(self) -> Redirect:
        return Redirect(self._settings.port)

    def _close_servers(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()
        self._front.relay.close()

    def _drain(self) -> None:
        if not self._front.draining:
            log(f"draining {len(self._front.connections)} connections")
        self._close_servers()
        self._front.draining = True
        self._drains_until = monotonic() + LONGEST_DRAIN
        self._drains_calls_until = monotonic() + CALLS_SECONDS

    def _stop(self) -> None:
        self._drain()
        self._drains_until = monotonic() + STOP_SECONDS
        self._front.stop_now()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            _guarded(self._front.tick)
            if self._front.draining and self._is_drained():
                self._ended.set()

    def _is_drained(self) -> bool:
        now = monotonic()
        has_calls = self._front.relay.is_busy and now < self._drains_calls_until
        return now > self._drains_until or not (self._front.connections or has_calls)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            _guarded(self._front.sweep)
            if os.getppid() != self._keeper:  # it died: the next one finds the sockets here
                for handover in self._handovers:
                    handover.offer()
                    handover.answer()


def _guarded(work: Callable[[], None]) -> None:
    """A fault of ours in what happens once a second must not end what happens in every other."""
    try:
        work()
    except Exception as error:
        log(f"{work.__qualname__} failed: {error!r}", "E")


def main() -> None:
    """The whole process."""
    settings = read_settings(Path(sys.argv[1]))
    sys.setswitchinterval(0.0005)  # seconds for which a comparison or a report may keep the loop waiting
    with suppress(KeyboardInterrupt):
        uvloop.run(FrontProcess(settings).run())


if __name__ == "__main__":
    main()
