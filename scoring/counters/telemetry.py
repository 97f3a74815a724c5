"""Counters that every worker writes and the master reads: a file of 64-bit integers, mapped into all of them.

The file holds one region for the master and one for each worker; a region has a single writer, so that
nothing is locked, and it outlives a worker that crashes. Times are microseconds, in the contract's buckets.
"""

import mmap
import os
import time
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from scoring.contract import BUCKETS, KEYS, METRICS, SMALL_BUCKETS, bucket_of
from scoring.core.timings import Timings

if TYPE_CHECKING:
    from scoring.queue.call import Call

HEAD = 16
CODES = 500  # HTTP status 100 to 599
FIRST_CODE = 100
BEFORE_CODES = HEAD - FIRST_CODE
LATENCY = HEAD + CODES * len(KEYS)  # the codes of every key one after another
QUEUE = LATENCY + BUCKETS
INFER = QUEUE + BUCKETS
ROWS = INFER + BUCKETS  # rows of shared runs; those of one row are what remains of INFER
MAX_ROWS = 256  # runs with more are counted as this
RUNS = ROWS + MAX_ROWS + 1  # shared runs by their rows, and below it the nanoseconds of their requests
RUN_TIMINGS = RUNS + MAX_ROWS + 1  # three for each number of rows: decode, infer, encode
EVENTS = RUN_TIMINGS + 3 * (MAX_ROWS + 1)  # requests by event: the count, and the name, which each worker finds itself
MOST_EVENTS = 32  # names; further ones are not counted
EVENT = 1 + 8  # cells of one: a name has 63 bytes
REGION = EVENTS + MOST_EVENTS * EVENT  # and from here on the metrics without cells above

# Head of a worker's region. Sums of latency and queue are microseconds, the finer ones nanoseconds.
CONNECTIONS, WAITING, QUEUED, PID = range(4)
LATENCY_SUM, QUEUE_SUM, DECODE_SUM, INFER_SUM, ENCODE_SUM = range(4, 9)
COLLECTED, DROPPED = range(9, 11)  # rows of data collection
HEARTBEAT = 11  # when its event loop last ran, in monotonic milliseconds
FAILED_SUM = 12  # of the latency, what answers of 400 and above took
SHARED_INFER_SUM = 13  # of the sum of infer, what requests in runs of several rows have added
LAST_RESPONSE = 14  # when a request was last seen to be answered, in epoch milliseconds
ADDRESS_CONNECTIONS = 15  # open connections at the service's address, where another replica may be given it
# Head of the master's region.
MEMORY, CPU_MILLISECONDS, RESTARTS = range(3)
# The metrics of the contract's table that have their cells above.
PLACED = frozenset({"codes", "events", "keys", "spent", "rows", "latency", "queue", "infer", "cpu", "memory"})
NOT_SERVING = 1 << 40  # connections of a worker that accepts none


def layout() -> tuple[dict[tuple[str, str], int], int]:
    """The first cell of every (metric, label) without a place above, and the size of a region.

    A histogram has `BUCKETS` cells and one for the sum in microseconds.
    """
    places: dict[tuple[str, str], int] = {}
    size = REGION
    for metric in METRICS.values():
        for label in () if metric.name in PLACED or metric.by != "replica" else metric.labels:
            places[metric.name, label] = size
            size += BUCKETS + 1 if metric.kind == "histogram" else 1
    return places, size


def create(path: Path, workers: int) -> "CounterFile":
    """A fresh file with zeroed regions; an older one stays with whoever still maps it."""
    scratch = path.with_suffix(".new")
    scratch.write_bytes(bytes(8 * layout()[1] * (workers + 1)))
    os.replace(scratch, path)
    return CounterFile(path)


def by_code(cells: list[int]) -> dict[int, int]:
    """Requests by HTTP status, of cells laid out like a worker's region."""
    return dict(sorted(sum((Counter(by_key(cells, key)) for key in range(len(KEYS))), Counter()).items()))


def by_key(cells: list[int], key: int) -> dict[int, int]:
    """Requests by HTTP status that showed one of the `KEYS`."""
    first = HEAD + CODES * key
    return {code: count for code, count in enumerate(cells[first : first + CODES], FIRST_CODE) if count > 0}


def by_rows(cells: list[int]) -> dict[int, int]:
    """Requests that reached the model, by the rows of their run."""
    shared = {rows: count for rows, count in enumerate(cells[ROWS : ROWS + MAX_ROWS + 1]) if count > 0}
    return {1: sum(cells[INFER : INFER + BUCKETS]) - sum(shared.values())} | shared


class Runs(NamedTuple):
    """Runs of so many rows: how many, and the nanoseconds of their parts."""

    runs: int
    decode: int
    infer: int
    encode: int


def runs_by_rows(cells: list[int]) -> dict[int, Runs]:
    """Runs by their rows; requests of quick models count as one row each."""
    shared = {
        rows: Runs(cells[RUNS + rows], *cells[RUN_TIMINGS + 3 * rows : RUN_TIMINGS + 3 * rows + 3])
        for rows in range(MAX_ROWS + 1)
        if cells[RUNS + rows]
    }
    lone = Runs(
        sum(cells[INFER : INFER + BUCKETS]) - sum(cells[ROWS : ROWS + MAX_ROWS + 1]),
        cells[DECODE_SUM] - sum(run.decode for run in shared.values()),
        cells[INFER_SUM] - cells[SHARED_INFER_SUM],
        cells[ENCODE_SUM] - sum(run.encode for run in shared.values()),
    )
    return ({1: lone} if lone.runs > 0 else {}) | shared


class CounterFile:
    """The mapped file. Region 0 is the master's, region `slot + 1` that of worker `slot`."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.cells = memoryview(self._map).cast("q")
        self.places, self.size = layout()
        self.workers = len(self.cells) // self.size - 1

    def region(self, number: int) -> memoryview:
        return self.cells[number * self.size : (number + 1) * self.size]

    def connections(self) -> list[int]:
        """Open connections of every worker."""
        return [self.cells[(slot + 1) * self.size + CONNECTIONS] for slot in range(self.workers)]

    def totals(self) -> list[int]:
        """Every cell summed over the workers."""
        regions = [self.region(slot + 1).tolist() for slot in range(self.workers)]
        return [sum(column) for column in zip(*regions, strict=True)]

    def events(self) -> dict[str, int]:
        """Requests by the event that the script noted of them, of all workers."""
        found: Counter[str] = Counter()
        for slot in range(self.workers):
            cells = self.region(slot + 1)
            for place in range(EVENTS, EVENTS + MOST_EVENTS * EVENT, EVENT):
                if count := cells[place]:
                    found[event_name(cells, place)] += count
        return dict(found)


def event_name(cells: memoryview, place: int) -> str:
    """The name of the event whose count is there; empty where there is none yet."""
    return bytes(cells[place + 1 : place + EVENT].cast("B")).rstrip(b"\0").decode("ascii", "replace")


class Counters:
    """What one worker counts. `record` is called for every scoring request and costs about a microsecond."""

    def __init__(self, file: CounterFile, slot: int) -> None:
        self.file = file
        self.cells = file.region(slot + 1)
        self.cells[PID] = os.getpid()
        self.cells[CONNECTIONS] = 0
        self.cells[ADDRESS_CONNECTIONS] = NOT_SERVING
        self.cells[WAITING] = 0
        self.cells[QUEUED] = 0
        self._last_latency_sum = self.cells[LATENCY_SUM]
        places = range(EVENTS, EVENTS + MOST_EVENTS * EVENT, EVENT)
        self._events = {name: place for place in places if (name := event_name(self.cells, place))}

    def note(self, names: Collection[str]) -> None:
        """A request with these events, names of letters, digits and ._- alone."""
        for name in names:
            place = self._events.get(name)
            if place is None:
                if len(self._events) == MOST_EVENTS:
                    continue
                place = self._events[name] = EVENTS + len(self._events) * EVENT
                self.cells[place + 1 : place + EVENT].cast("B")[: len(name)] = name.encode()
            self.cells[place] += 1

    def heartbeat(self) -> None:
        """The event loop is alive; called a few times a second."""
        self.cells[HEARTBEAT] = int(time.monotonic() * 1000)
        if self.cells[LATENCY_SUM] != self._last_latency_sum:
            self._last_latency_sum = self.cells[LATENCY_SUM]
            self.cells[LAST_RESPONSE] = int(time.time() * 1000)

    def add(self, metric: str, value: int = 1, label: str = "") -> None:
        """Count one of the metrics that `record` does not: add to a counter or gauge, or to a histogram a duration."""
        place = self.file.places[metric, label]
        if METRICS[metric].kind == "histogram":
            self.cells[place + bucket_of(value)] += 1
            place += BUCKETS
        self.cells[place] += value

    def record(self, status: int, latency: int, queued: int, timings: Timings, key: int = 0) -> None:
        """One answered request: HTTP status, microseconds in all and waiting, the timings of the rest, its key."""
        cells = self.cells
        cells[BEFORE_CODES + CODES * key + status] += 1
        cells[LATENCY + (SMALL_BUCKETS[latency] if 0 <= latency < 4096 else bucket_of(latency))] += 1
        cells[QUEUE + (SMALL_BUCKETS[queued] if 0 <= queued < 4096 else bucket_of(queued))] += 1
        cells[LATENCY_SUM] += latency
        cells[QUEUE_SUM] += queued
        if status >= 400:
            cells[FAILED_SUM] += latency
        if infer := timings.infer:
            ran = infer // 1000
            cells[INFER + (SMALL_BUCKETS[ran] if ran < 4096 else bucket_of(ran))] += 1
            cells[DECODE_SUM] += timings.decode
            cells[INFER_SUM] += infer
            cells[ENCODE_SUM] += timings.encode
            if (rows := timings.rows) != 1:
                self._record_shared(rows if rows < MAX_ROWS else MAX_ROWS, timings)

    def record_batch(self, calls: "Sequence[Call]", began: int, now: int) -> None:
        """The same for requests answered with 200 in one go, which was begun and ended at these nanoseconds."""
        cells = self.cells
        latency = queued = decode = infer = encode = 0
        run: list[Timings] = []  # of several rows
        for timings in calls:
            request = timings.request
            arrived = request.arrived
            taken, waited = (now - arrived) // 1000, (began - arrived) // 1000
            cells[BEFORE_CODES + CODES * request.key + 200] += 1
            cells[LATENCY + (SMALL_BUCKETS[taken] if taken < 4096 else bucket_of(taken))] += 1
            cells[QUEUE + (SMALL_BUCKETS[waited] if waited < 4096 else bucket_of(waited))] += 1
            latency += taken
            queued += waited
            decode += timings.decode
            infer += timings.infer
            encode += timings.encode
            if timings.rows == 1:
                ran = timings.infer // 1000
                cells[INFER + (SMALL_BUCKETS[ran] if ran < 4096 else bucket_of(ran))] += 1
            elif timings.batch_follower and run and timings.infer == run[0].infer and timings.rows == run[0].rows:
                run.append(timings)
            else:
                self._record_run(run)
                run = [timings]
        self._record_run(run)
        cells[LATENCY_SUM] += latency
        cells[QUEUE_SUM] += queued
        cells[DECODE_SUM] += decode
        cells[INFER_SUM] += infer
        cells[ENCODE_SUM] += encode

    def _record_run(self, run: "Sequence[Timings]") -> None:
        """The timings of requests that shared a run of several rows, but for their sums."""
        if not run:
            return
        cells, count, infer, rows = self.cells, len(run), run[0].infer, min(run[0].rows, MAX_ROWS)
        place = RUN_TIMINGS + 3 * rows
        cells[INFER + bucket_of(infer // 1000)] += count
        cells[ROWS + rows] += count
        cells[SHARED_INFER_SUM] += infer * count
        cells[place] += sum([timings.decode for timings in run])
        cells[place + 2] += sum([timings.encode for timings in run])
        if not run[0].batch_follower:
            cells[RUNS + rows] += 1
            cells[place + 1] += infer

    def _record_shared(self, rows: int, timings: Timings) -> None:
        """A request in a run of several rows; the run itself is counted with its first request."""
        cells, place = self.cells, RUN_TIMINGS + 3 * rows
        cells[ROWS + rows] += 1
        cells[SHARED_INFER_SUM] += timings.infer
        cells[place] += timings.decode
        cells[place + 2] += timings.encode
        if not timings.batch_follower:
            cells[RUNS + rows] += 1
            cells[place + 1] += timings.infer
