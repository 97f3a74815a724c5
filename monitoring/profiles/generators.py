"""A load on all replicas of a run at once, from one generator that asks the least busy, as a front does."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from deployments.targets.unix_sockets import PREFIX, checked_path
from monitoring.profiling.measure import Load, Measured
from monitoring.profiling.measurement import measure_load
from monitoring.profiling.messages import Plan, Second

Look = Callable[[list[Second]], None]


@dataclass(frozen=True)
class Place:
    """Where a replica answers, and its processes where they run on this machine."""

    address: str
    processes: tuple[int, ...] = ()


def measure_places(plan: Plan, load: Load, places: Sequence[Place], over: float, look: Look) -> Measured:
    """`load` on all places together, as one measurement. `look` is called about once a second with what the generator
    tells; what it raises ends the load. Raises `LoadFailed` for what is wrong with the plan."""
    first, *others = places
    whole = msgspec.structs.replace(
        plan,
        address=first.address,
        more_addresses=[place.address for place in others],
        watch=[process for place in places for process in place.processes],
    )
    return measure_load(whole, load, over=over, on_second=lambda second: look([second])).measured


@contextmanager
def address_of(endpoint: str, owner: int | None, path: str) -> Iterator[str]:
    """The address of a request as plans have it. A unix socket is opened here, so that nothing can be laid in its
    place, and the generator finds it below this process. OSError where it is not the replica's."""
    if not endpoint.startswith(PREFIX):
        yield f"{endpoint}{path}"
        return
    with checked_path(endpoint.removeprefix(PREFIX), -1 if owner is None else owner) as name:
        yield f"unix:{name.replace('/self/', f'/{os.getpid()}/')}:{path}"
