"""Reports to the studio: loads for scaling, use of keys, windows. Without a studio the front goes on."""

import asyncio
import os
from contextlib import suppress
from time import monotonic, time, time_ns
from typing import TYPE_CHECKING

import msgspec

from scoring.contract import KEYS, Window
from scoring.core.log import log
from scoring.counters.push import post
from scoring.front.state import Revision
from scoring.front_contract import Arrivals, FrontReport, FrontSettings, ServiceLoad

if TYPE_CHECKING:
    from scoring.front.front import Front

FAILURES_TOLD = 3  # in a row: a studio that starts with the front takes some seconds until it listens
BUSY_SECONDS, QUIET_SECONDS = 1.0, 5.0  # between reports
TIMEOUT_SECONDS = 5.0
MOST_BACKOFF_SECONDS = 30.0
WINDOW_SECONDS = 5.0  # of the clock: a window ends with the first report after a multiple of it
WINDOWS_AT_ONCE = 2000  # in a report; the rest follows in the next
KEPT_WINDOWS = 720  # of a service, while the studio does not answer: an hour of five seconds each


class Reporter:
    """Posts a report once a second while there is something to tell, every five seconds else, at once on `hurry`."""

    def __init__(self, settings: FrontSettings) -> None:
        self._settings = settings
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failures = 0  # in a row
        self._windows: dict[int, list[Window]] = {}
        self._sequence = time_ns() // 1000  # of windows; larger than before a restart, however many there were
        self._replica = f"front-{settings.name}"
        self._started = time()
        self._last = 0.0  # when the studio took a report, monotonic

    def start(self, front: "Front") -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._run(front))

    def hurry(self) -> None:
        """Somebody waits for a replica that has to be started."""
        self._wake.set()

    async def close(self, front: "Front") -> None:
        """End, and tell the last of it."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            with suppress(Exception):  # the studio may be down, and the next front process has the rest
                await self._tell(front)

    async def _run(self, front: "Front") -> None:
        pause = BUSY_SECONDS
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
                    await asyncio.sleep(0.02)  # what waits is in the report, and no more than fifty of them a second
            self._wake.clear()
            try:
                done = await self._tell(front)
            except Exception as error:  # a fault of ours; nobody would start this again
                log(f"a report failed: {error!r}", "E")
                done = False
            pause = BUSY_SECONDS if done else min(pause * 2, MOST_BACKOFF_SECONDS)

    async def _tell(self, front: "Front") -> bool:
        """Post a report, if it is time for one; False where the studio does not take it."""
        report = self.report(front)
        if not self._settings.report_url:
            self._windows.clear()
            return True
        if not _tells(report) and monotonic() - self._last < QUIET_SECONDS:
            return True
        done = await asyncio.to_thread(self._post, msgspec.json.encode(report))
        if done:
            self._last = monotonic()
            front.quotas.told(report.keys)
            for service in front.table.services:
                if service.users is not None:
                    service.users.told([one for one in report.arrivals if one.service == service.id])
            for service, sent in report.windows.items():
                self._forget(service, sent[-1].sequence)
        return done

    def _forget(self, service: int, sequence: int) -> None:
        """The studio has the windows of a service up to this one."""
        left = [one for one in self._windows[service] if one.sequence > sequence]
        if left:
            self._windows[service] = left
        else:
            del self._windows[service]

    def report(self, front: "Front") -> FrontReport:
        """All there is to tell."""
        revisions = front.registry.revisions
        for revision in revisions:
            self._cut(revision, at_once=front.draining)
        loads = [] if front.draining else [_load(revision) for revision in revisions]  # its successor reports those
        return FrontReport(
            front=self._settings.name,
            started_at=self._started,
            applied=front.file.applied,
            refused=front.file.refused,
            loads=loads,
            keys=[] if front.draining else front.quotas.report(),
            ejected=[one.id for one in front.registry.replicas if one.health.ejected],
            arrivals=_arrivals(front),
            windows=self._oldest(),
        )

    def _oldest(self) -> dict[int, list[Window]]:
        """As many windows as a report has room for, of each service from its oldest on."""
        room, found = WINDOWS_AT_ONCE, {}
        for service, windows in self._windows.items():
            if room > 0:
                found[service] = windows[:room]
                room -= len(windows)
        return found

    def _cut(self, revision: Revision, *, at_once: bool) -> None:
        counts = revision.counts
        began, now = counts.began, time()
        if not counts.codes and not counts.copies:
            counts.began = now
            return
        if not at_once and now // WINDOW_SECONDS == began // WINDOW_SECONDS:
            return
        taken = counts.take(now)
        self._sequence += 1
        window = Window(
            revision=revision.number,
            replica=self._replica,
            sequence=self._sequence,
            start=began,
            seconds=max(now - began, 0.001),
            counters=_filled(
                codes={str(code): count for code, count in taken.codes.items()},
                keys={KEYS[kind]: count for kind, count in enumerate(taken.keys) if count},
                copies=taken.copies,
                copy_time=taken.copy_time,
                distances=taken.distances,
            ),
            histograms=_filled(latency={str(bucket): count for bucket, count in enumerate(taken.latency) if count}),
        )
        kept = self._windows.setdefault(revision.service, [])
        kept.append(window)
        del kept[:-KEPT_WINDOWS]

    def _post(self, body: bytes) -> bool:
        status, said = post(self._settings.report_url, self._settings.report_token, body, TIMEOUT_SECONDS)
        done, failures = 200 <= status < 300, self._failures
        self._failures = 0 if done else self._failures + 1
        if self._failures == FAILURES_TOLD:
            log(f"the studio does not take reports ({said or status}); serving goes on without it", "W")
        elif done and failures >= FAILURES_TOLD:
            log(f"the studio takes reports again (process {os.getpid()})")
        return done


def _filled(**figures: dict[str, int]) -> dict[str, dict[str, int]]:
    """Without what is empty."""
    return {name: counts for name, counts in figures.items() if counts}


def _load(revision: Revision) -> ServiceLoad:
    now, load = monotonic(), revision.load
    seconds, busy, arrivals, service_seconds = load.take(now)
    return ServiceLoad(
        service=revision.service,
        revision=revision.number,
        at=time(),
        seconds=seconds,
        busy=busy,
        arrivals=arrivals,
        service_seconds=service_seconds,
        waiting=sum(not one.over for one in revision.waiting),
        last_request=time() - (now - load.last_request) if load.last_request else None,
    )


def _arrivals(front: "Front") -> list[Arrivals]:
    return [one for service in front.table.services if service.users for one in service.users.report(service.id)]


def _tells(report: FrontReport) -> bool:
    return bool(report.windows or report.refused) or any(
        one.arrivals or one.busy or one.waiting for one in report.loads
    )
