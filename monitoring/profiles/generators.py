"""Loads on several replicas at once: a generator process for each, as a front would share requests out among them."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import Any

import msgspec

from deployments.targets.unix_sockets import PREFIX, checked_path
from monitoring.profiling.latencies import merged
from monitoring.profiling.measure import Load, Measured
from monitoring.profiling.measurement import Loaded, figures, measure_load
from monitoring.profiling.messages import Plan, Repeat, Second

LOOK_SECONDS = 1.0
Look = Callable[[list[Second]], None]


class _Ended(Exception):
    """The load is to end now."""


class _Told:
    """What the generators tell, from several threads."""

    def __init__(self) -> None:
        self._lock, self._seconds = Lock(), list[Second]()

    def add(self, one: Second) -> None:
        with self._lock:
            self._seconds.append(one)

    def take(self) -> list[Second]:
        """What came since the last call."""
        with self._lock:
            told, self._seconds = self._seconds, []
        return told


@dataclass(frozen=True)
class Place:
    """Where a replica answers, and its processes where they run on this machine."""

    address: str
    processes: tuple[int, ...] = ()


def measure_places(plan: Plan, load: Load, places: Sequence[Place], over: float, look: Look) -> Measured:
    """`load` on all places together, as one measurement. `look` is called each second, from this thread, with what the
    generators tell; what it raises ends all of them. Raises `LoadFailed` for what is wrong with the plan."""
    told, ending = _Told(), Event()

    def on_second(one: Second) -> None:
        if ending.is_set():
            raise _Ended
        told.add(one)

    parts = _shared_out(load, places)
    with ThreadPoolExecutor(len(parts)) as pool:
        runs = [
            pool.submit(measure_load, _plan_for(plan, place), part, over=over, on_second=on_second)
            for place, part in parts
        ]
        try:
            _look_until_done(runs, told, look)
        finally:
            ending.set()
        found = [run.result() for run in runs]
    return _together(found, over)


def _plan_for(plan: Plan, place: Place) -> Plan:
    return msgspec.structs.replace(plan, address=place.address, watch=list(place.processes))


def _shared_out(load: Load, places: Sequence[Place]) -> list[tuple[Place, Load]]:
    """With fewer connections than replicas, some replicas get none."""
    count = len(places)
    if load.rate is not None:
        return [(place, replace(load, rate=load.rate / count)) for place in places]
    total = load.connections or 1
    shares = [total // count + (number < total % count) for number in range(count)]
    return [(place, replace(load, connections=one)) for place, one in zip(places, shares, strict=True) if one]


def _look_until_done(runs: Sequence[Future[Any]], told: _Told, look: Look) -> None:
    due = time.monotonic() + LOOK_SECONDS
    while True:
        _, pending = wait(runs, timeout=max(due - time.monotonic(), 0.0))
        look(told.take())
        if not pending or any(run.done() and run.exception() for run in runs):
            return
        due += LOOK_SECONDS


def _together(found: Sequence[Loaded], over: float) -> Measured:
    """Of several replicas the repeats of a number count as one; an error of one is an error of all."""
    if len(found) == 1:
        return found[0].measured
    broken = next((one.measured for one in found if one.measured.error), None)
    if broken is not None:
        return broken
    numbers: dict[int, list[Repeat]] = {}
    for one in found:
        for repeat in one.repeats:
            numbers.setdefault(repeat.number, []).append(repeat)
    whole = [_merged(repeats) for _, repeats in sorted(numbers.items()) if len(repeats) == len(found)]
    return figures(whole, over=over, seconds=max(one.measured.seconds for one in found))


def _merged(repeats: Sequence[Repeat]) -> Repeat:
    first = repeats[0]
    counts = {name: _summed(getattr(one, name) for one in repeats) for name in ("statuses", "errors")}
    noisy = next((one.noise for one in repeats if one.noise.reason), first.noise)
    return msgspec.structs.replace(
        first,
        seconds=max(one.seconds for one in repeats),
        sent=sum(one.sent for one in repeats),
        answered=sum(one.answered for one in repeats),
        latency=merged(one.latency for one in repeats),
        lag=merged(one.lag for one in repeats),
        cpu=sum(one.cpu for one in repeats),
        watched_cpu=sum(one.watched_cpu for one in repeats),
        noise=noisy,
        examples={key: text for one in repeats for key, text in one.examples.items()},
        **counts,
    )


def _summed(counts: Any) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in counts:
        for key, count in one.items():
            total[key] = total.get(key, 0) + count
    return total


@contextmanager
def address_of(endpoint: str, owner: int | None, path: str) -> Iterator[str]:
    """The address of a request as plans have it. A unix socket is opened here, so that nothing can be laid in its
    place, and the generator finds it below this process. OSError where it is not the replica's."""
    if not endpoint.startswith(PREFIX):
        yield f"{endpoint}{path}"
        return
    with checked_path(endpoint.removeprefix(PREFIX), -1 if owner is None else owner) as name:
        yield f"unix:{name.replace('/self/', f'/{os.getpid()}/')}:{path}"
