"""Keeps programs running: starts them, starts them again when they die, and stops them together.

One thread and one loop: nothing is forked while another thread holds a lock.
"""

import selectors
import signal
import time
from collections.abc import Callable, Iterable
from types import FrameType

from studio.stack.console import echo
from studio.stack.programs import Program
from studio.stack.watched import Watched

TICK = 0.2  # seconds between looks at the programs
GRACE = 8.0  # seconds to stop before it is killed


class Supervisor:
    """Runs `programs` until SIGINT or SIGTERM.

    `before_fork` loads what forked programs share, while those with a command line already start. `on_change`
    gets the process ids by name whenever one changes; where it fails for want of a disk, the programs go on.
    `on_tick` is called between looks and must be quick.
    """

    def __init__(
        self,
        programs: Iterable[Program],
        environment: dict[str, str],
        *,
        before_fork: Callable[[], None] = lambda: None,
        on_change: Callable[[dict[str, int]], None] = lambda _: None,
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        self.watched = [Watched(program, environment) for program in programs]
        self.selector = selectors.DefaultSelector()
        self.before_fork = before_fork
        self.on_change = on_change
        self.on_tick = on_tick
        self.stop_requests = 0  # requests so far

    def run(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._request_stop)
        try:
            self._start([each for each in self.watched if each.program.command])
            self.before_fork()
            while not self.stop_requests:
                self._start([each for each in self.watched if each.process is None and each.due <= time.monotonic()])
                self._poll_programs()
                self.on_tick()
        finally:
            self.stop_requests = max(self.stop_requests, 1)
            self._stop_all()

    def _request_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stop_requests += 1

    def _start(self, some: list[Watched]) -> None:
        for each in some:
            each.start()
            self.selector.register(each.output, selectors.EVENT_READ, each)
        if some:
            self._record_pids()

    def _poll_programs(self) -> None:
        """Print new output, and reap programs that have exited."""
        for key, _ in self.selector.select(TICK):
            key.data.read()
        for each in self.watched:
            if each.ended():
                self._reap(each)

    def _reap(self, each: Watched) -> None:
        self.selector.unregister(each.output)
        how = each.reap()
        if not self.stop_requests:
            echo(f"{each.program.name} ended ({how}), starting it again in {each.pause:.1f} s")
        self._record_pids()

    def _record_pids(self) -> None:
        try:
            own = (each for each in self.watched if each.process and not each.program.outlives)
            self.on_change({each.program.name: each.process.pid for each in own if each.process})
        except OSError as reason:
            echo(f"the process ids cannot be written down: {reason}")

    def _stop_all(self) -> None:
        """In stop order, politely first; a second request to stop kills at once."""
        ending = [each for each in self.watched if not each.program.outlives]
        for order in sorted({each.program.stop_order for each in ending}):
            group = [each for each in ending if each.program.stop_order == order]
            for each in group:
                each.signal(signal.SIGTERM)
            self._wait_for_exit(group)

    def _wait_for_exit(self, group: list[Watched]) -> None:
        deadline = time.monotonic() + GRACE
        while any(each.process for each in group):
            if time.monotonic() > deadline or self.stop_requests > 1:
                for each in group:
                    each.signal(signal.SIGKILL)
            self._poll_programs()
