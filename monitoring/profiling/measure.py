"""What a search asks for and gets: a configuration, a load, and what was measured.

Whoever runs the search gives it a `Measure`: a function that starts the configuration where it is not running yet,
puts the load on it and returns what it saw. All values are plain and JSON-able (`msgspec.to_builtins`,
`msgspec.convert`), so that what was measured can be stored and a search resumed from it.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What may be varied, in the units of deployment options.

    `replicas`; `threads`: cores of each, which decide the threads of its model; `share`: of the one core that a replica
    with one thread gets; both make option `cpu`. `batch_rows`: `server.batching.rows` (1: off); `concurrency`: requests
    at once of a replica (None: as many as come); `options`: further deployment options by name, as they are stored,
    such as `{"processes": 2}` or session options.
    """

    replicas: int = 1
    threads: int = 1
    share: float = 1.0
    batch_rows: int = 1
    concurrency: int | None = None
    options: tuple[tuple[str, str | float | int | bool], ...] = ()

    @property
    def cpu(self) -> float:
        """Cores of one replica."""
        return self.threads * self.share

    @property
    def cores(self) -> float:
        """Of all replicas together."""
        return self.replicas * self.cpu

    def __str__(self) -> str:
        threads = f"{self.cpu:g} core" + ("s" if self.cpu != 1 else "")
        words = [f"{self.replicas} replica" + ("s" if self.replicas != 1 else "") + f" of {threads}"]
        words += [f"batches of up to {self.batch_rows} rows"] if self.batch_rows > 1 else []
        words += [f"{self.concurrency} at once"] if self.concurrency else []
        return ", ".join(words + [f"{name} {value}" for name, value in self.options])


@dataclass(frozen=True, kw_only=True)
class Load:
    """`connections` of a closed loop, or `rate` in requests a second of an open one; for `seconds` after the warm-up.

    `arrivals` of an open loop: at random (`poisson`), as from clients that know nothing of each other, or evenly. Even
    ones never queue where one request is done before the next comes, and promise a p99 that real clients do not get.
    `until_stable`: repeat until the percentiles are (`repeats.stable`), `seconds` being the length of all repeats that
    are made at least.
    """

    connections: int | None = None
    rate: float | None = None
    arrivals: Literal["constant", "poisson"] = "poisson"
    seconds: float = 3.0
    until_stable: bool = False


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one load showed of one configuration. Latencies in milliseconds, None without an answer.

    `over`: the share of requests over the goal's latency, those that failed included; with 95 % it is at most
    `over_high`. `half_width`: of p99, as a share (0.1: ± 10 %), None from fewer than two repeats. `cpu`: cores used by
    all replicas together; `memory`: the highest of one replica, in bytes. `reason`: why the figures must not be used
    (noise, the generator's own lag); empty where they may.
    """

    throughput: float  # answers a second
    p50: float | None
    p90: float | None = None
    p95: float | None = None
    p99: float | None
    p999: float | None = None
    mean: float | None = None
    answered: int = 0
    failed: int = 0
    over: float | None = None
    over_high: float | None = None
    half_width: float | None = None
    stable: bool | None = None
    cpu: float | None = None
    memory: int | None = None
    grows: bool = False  # memory, all the time that it ran (`margins.grows`)
    seconds: float = 0.0  # of time spent, starting and warming up included
    reason: str = ""
    error: str = ""  # why nothing was measured: did not start, out of memory, only errors
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def success(self) -> float:
        """Share of requests that were answered."""
        total = self.answered + self.failed
        return self.answered / total if total else 0.0


Purpose = Literal["service time", "scaling", "verification", "half", "sweep"]


@dataclass(frozen=True, kw_only=True)
class Point:
    """One measurement, as a search keeps it."""

    configuration: Configuration
    load: Load
    measured: Measured
    purpose: Purpose


class Measure(Protocol):
    """Puts a load on a configuration. It raises only what must end the search, such as a cancel."""

    def __call__(self, configuration: Configuration, load: Load) -> Measured: ...


@dataclass(frozen=True, kw_only=True)
class Goal:
    """p99 of at most `p99` milliseconds at `rate` requests a second; at most `failed` of them (a share) may fail."""

    p99: float
    rate: float
    failed: float = 0.001


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What may be tried and how long. Memory in bytes, of one replica; None: not limited."""

    replicas: tuple[int, ...] = (1, 2, 3, 4, 6, 8)
    threads: tuple[int, ...] = (1, 2, 4)
    batch_rows: tuple[int, ...] = (1, 8, 32)
    concurrency: tuple[int | None, ...] = (None,)
    options: tuple[tuple[tuple[str, str | float | int | bool], ...], ...] = ((),)
    shares: tuple[float, ...] = ()  # of a core, tried where one replica of one core holds; empty: whole cores alone
    cores: float | None = None  # of all replicas together
    memory: int | None = None
    seconds: float = 600.0
