"""Windows read back: merged time series for the charts, and single figures for lists.

A step without any window is a gap (`None`), never zero: nobody was counting. Counts are shared out over the steps
that a window touches, so that steps and windows need not line up.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from django.utils.functional import cached_property

from deployments.models import Revision, Service
from monitoring.models import FrontWindow, MetricWindow, Window
from monitoring.telemetry.histograms import add, percentile
from scoring.contract import METRICS

Values = list[float | None]
LONGEST_WINDOW = 3600.0  # seconds; monitoring.telemetry.ingest refuses longer ones
PARTS = ("queue", "decode", "infer", "encode")  # of a request's time; what remains is "other"
WARN_SHARE, BAD_SHARE = 0.01, 0.1  # of requests that fail: from there on it is shown in these tones


@dataclass(frozen=True)
class Figures:
    """What counted over a stretch of time. `error_rate` is the share (0 to 1) of answers with status 400 or more."""

    requests: int = 0
    requests_per_second: float | None = None  # None: nobody was counting
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    errors: int = 0
    error_rate: float | None = None
    memory_bytes: int | None = None

    @property
    def tone(self) -> str:
        """How the error rate is shown: warn from 1 % on, bad from 10 % on, else empty."""
        rate = self.error_rate or 0
        return "bad" if rate >= BAD_SHARE else "warn" if rate >= WARN_SHARE else ""


@dataclass(frozen=True)
class Mark:
    """Something that happened, to be drawn on the time axis."""

    at: datetime
    label: str


@dataclass
class _Step:
    """The windows that fall into one step, each with its share; what they count is merged when it is asked for."""

    windows: list[tuple[Window, float]] = field(default_factory=list)
    first: float = float("inf")
    last: float = 0
    _merged: dict[str, dict[str, float]] = field(default_factory=dict)

    def take(self, window: Window, begin: float, end: float, share: float) -> None:
        self.windows.append((window, share))
        self.first, self.last = min(self.first, begin), max(self.last, end)

    def counts(self, name: str) -> dict[str, float]:
        """A counter by label, or a histogram by bucket; shares, thus not whole."""
        found = self._merged.get(name)
        if found is None:
            found = self._merged[name] = {}
            is_counter = METRICS[name].kind == "counter"
            for window, share in self.windows:
                add(found, (window.counters if is_counter else window.histograms).get(name, {}), share)
        return found

    def gauge(self, name: str, span: float) -> float:
        """Of every replica the mean over the step or the highest, added."""
        if METRICS[name].merge == "mean":
            amounts = ((window.gauges.get(name, 0) * window.seconds, share) for window, share in self.windows)
            return sum(amount * share for amount, share in amounts) / span
        highest: dict[str, float] = {}
        for window, _ in self.windows:
            highest[window.replica] = max(highest.get(window.replica, 0), window.gauges.get(name, 0))
        return sum(highest.values())

    @cached_property
    def timed(self) -> float:
        """Requests whose time `spent` holds."""
        measured = [(window.counters, share) for window, share in self.windows if window.counters.get("spent")]
        return sum(sum(counters.get("codes", {}).values()) * share for counters, share in measured)


@dataclass(frozen=True)
class Steps:
    """The metrics of the contract's table over the steps of a series, merged over replicas and revisions."""

    rows: list[_Step | None]  # None: nobody was counting
    spans: list[float]  # seconds that each of them stands for

    def each(self, read: Callable[[_Step, float], float | None]) -> Values:
        return [None if row is None else read(row, span) for row, span in zip(self.rows, self.spans, strict=True)]

    def labels(self, name: str) -> list[str]:
        """The labels of a counter that occurred."""
        return sorted({label for row in self.rows if row for label in row.counts(name)})

    def rate(self, name: str, label: str | None = None) -> Values:
        """A counter per second: of one label, or of all together."""
        if label is None:
            return self.each(lambda row, span: sum(row.counts(name).values()) / span)
        return self.each(lambda row, span: row.counts(name).get(label, 0) / span)

    def percentile(self, name: str, share: float) -> Values:
        """Of a histogram, in milliseconds."""
        return self.each(lambda row, _: percentile(row.counts(name), share))

    def gauge(self, name: str) -> Values:
        return self.each(lambda row, span: row.gauge(name, span))


@dataclass(frozen=True)
class Series:
    """One value per step: `times[i]` is the beginning of step i, `step` its length in seconds.

    Rates are per second, durations milliseconds, `cpu` cores, `memory` bytes. `errors` holds one list per status
    from 400 on that occurred. `parts` is the mean time per request by part, in which queue, decode, infer, encode and
    other add up to the mean latency; empty where no window tells. `batch` is the mean number of rows of the run that a
    request shared; empty where no run was shared. `metrics` reads any metric of the contract's table, of replicas, and
    `callers` those that fronts count, as callers see it: with requests that no replica answered, and all waiting.
    """

    times: list[datetime]
    step: float
    requests: Values
    p50: Values
    p95: Values
    p99: Values
    queue_p95: Values
    errors: dict[str, Values]
    cpu: Values
    memory: Values
    parts: dict[str, Values] = field(default_factory=dict)
    batch: Values = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    total: Figures = field(default_factory=Figures)
    metrics: Steps = field(default_factory=lambda: Steps([], []))
    callers: Steps = field(default_factory=lambda: Steps([], []))


def service_series(service: Service, since: datetime, until: datetime, step: float) -> Series:
    """The series of a service from `since` to `until`, merged over replicas and revisions."""
    time = {"start__gte": since - timedelta(seconds=LONGEST_WINDOW), "start__lt": until}
    windows = list(MetricWindow.objects.filter(service=service, **time).order_by("start"))
    of_fronts = FrontWindow.objects.filter(service=service, **time).order_by("start")
    marks = [
        Mark(revision.created_at, f"r{revision.number}")
        for revision in Revision.objects.filter(service=service, created_at__range=(since, until)).order_by("number")
    ]
    return replace(merge(windows, since, until, step, marks), callers=_steps(of_fronts, since, until, step))


def merge(
    windows: Iterable[MetricWindow], since: datetime, until: datetime, step: float, marks: Iterable[Mark] = ()
) -> Series:
    """Share `windows` out over the steps between `since` and `until`; pure."""
    inside = [window for window in windows if _end(window) > since.timestamp()]
    read = _steps(inside, since, until, step)
    timed = any(row.timed for row in read.rows if row)
    shared = set(read.labels("rows")) - {"0", "1"}
    return Series(
        times=[since + timedelta(seconds=step * index) for index in range(len(read.rows))],
        step=step,
        requests=read.rate("codes"),
        p50=read.percentile("latency", 0.50),
        p95=read.percentile("latency", 0.95),
        p99=read.percentile("latency", 0.99),
        queue_p95=read.percentile("queue", 0.95),
        errors={code: read.rate("codes", code) for code in read.labels("codes") if code >= "400"},
        cpu=read.gauge("cpu"),
        memory=read.gauge("memory"),
        parts={part: read.each(_mean_of(part)) for part in (*PARTS, "other")} if timed else {},
        batch=read.each(lambda row, _: _mean_rows(row)) if shared else [],
        marks=list(marks),
        total=figures_of(inside),
        metrics=read,
    )


def _steps(windows: Iterable[Window], since: datetime, until: datetime, step: float) -> Steps:
    origin, count = since.timestamp(), max(1, -int((since - until).total_seconds() // step))
    steps: dict[int, _Step] = defaultdict(_Step)
    for window in windows:
        _share_out(window, origin, step, count, steps)
    rows = [steps.get(index) for index in range(count)]
    return Steps(rows, _spans(rows, step))


def _mean_of(part: str) -> Callable[[_Step, float], float | None]:
    """Milliseconds per request; "other" is what the parts leave of the whole, such as changing threads."""

    def mean(row: _Step, _: float) -> float | None:
        if not row.timed:
            return None
        spent = row.counts("spent").get(part, 0)
        if part == "other":
            spent = max(
                0, row.counts("spent").get("total", 0) - sum(row.counts("spent").get(name, 0) for name in PARTS)
            )
        return spent / row.timed / 1000

    return mean


def _mean_rows(row: _Step) -> float | None:
    runs = row.counts("rows")
    requests = sum(runs.values())
    return sum(int(rows) * count for rows, count in runs.items()) / requests if requests else None


def _end(window: Window) -> float:
    return window.start.timestamp() + max(window.resolution, window.seconds)


def _share_out(window: Window, origin: float, step: float, count: int, steps: dict[int, _Step]) -> None:
    start, end = window.start.timestamp(), _end(window)
    first = max(0, int((start - origin) // step))
    last = min(count - 1, int((end - origin) // step))
    for index in range(first, last + 1):
        begin, finish = max(start, origin + index * step), min(end, origin + (index + 1) * step)
        if finish > begin:
            steps[index].take(window, begin, finish, (finish - begin) / (end - start))


def _spans(rows: list[_Step | None], step: float) -> list[float]:
    """Seconds to divide by: a whole step, but beside a gap only what was counted of it.

    Without this the newest step, which is not over yet, would always look like a drop.
    """
    spans = []
    for before, row, after in zip([None, *rows], rows, [*rows[1:], None], strict=False):
        spans.append(step if row is None or (before and after) else max(row.last - row.first, 1e-3))
    return spans


def figures_between(services: Iterable[Service], since: datetime, until: datetime) -> dict[int, Figures]:
    """Figures of every service over the windows that began between `since` and `until`, in one query."""
    groups: dict[int, list[MetricWindow]] = {service.pk: [] for service in services}
    found = MetricWindow.objects.filter(service__in=groups, start__gte=since, start__lt=until)
    for window in found.for_figures().iterator(chunk_size=2000):
        groups[window.service_id].append(window)
    return {key: figures_of(windows) for key, windows in groups.items()}


def figures_of(windows: Iterable[MetricWindow], seconds: float | None = None) -> Figures:
    """Exact totals of whole windows; memory is the latest of every replica, summed over the newest revision.

    The rate is over `seconds`, by default the time from the first window's beginning to the last one's end.
    """
    windows = sorted(windows, key=lambda window: window.start)
    if not windows:
        return Figures()
    codes: dict[str, float] = {}
    latency: dict[str, float] = {}
    for window in windows:
        add(codes, window.codes or {})
        add(latency, window.latency or {})
    requests = int(sum(codes.values()))
    errors = int(sum(count for code, count in codes.items() if code >= "400"))
    span = seconds or max(map(_end, windows)) - windows[0].start.timestamp()
    newest = max(window.revision for window in windows)
    memory = {window.replica: int(window.memory or 0) for window in windows if window.revision == newest}
    return Figures(
        requests=requests,
        requests_per_second=requests / span,
        p50_ms=percentile(latency, 0.50),
        p95_ms=percentile(latency, 0.95),
        p99_ms=percentile(latency, 0.99),
        errors=errors,
        error_rate=errors / requests if requests else None,
        memory_bytes=sum(memory.values()),
    )


def aligned(moment: datetime, step: float) -> datetime:
    """The latest multiple of `step` seconds that is not after `moment`: steps keep their place between refreshes."""
    return datetime.fromtimestamp(moment.timestamp() // step * step, UTC)
