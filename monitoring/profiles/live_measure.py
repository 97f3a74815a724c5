"""`Measure` over an isolated run: starts configurations, puts loads on them, and keeps what it sees in the profile."""

import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from deployments.errors import IsolatedRunFailed
from deployments.isolated_runs.runs import Run
from deployments.targets.base import Usage
from monitoring.errors import NothingAnswered
from monitoring.models import Profile
from monitoring.profiles.addresses import address_of
from monitoring.profiles.configurations import ROOMY_GB, options_of
from monitoring.profiling.measure import Configuration, Load, Measured, Point, Purpose
from monitoring.profiling.measurement import measure_load, nothing
from monitoring.profiling.messages import Inline, Plan, Second
from studio.core.job_heartbeat import Heartbeat, LeaseLost

PATH = "/score"
WORDS: dict[Purpose, str] = {
    "service time": "Alone",
    "scaling": "Side by side",
    "verification": "Under load",
    "half": "Half of it",
    "sweep": "More and less",
}
KEEP_SECONDS = 2.0  # between two writes of samples
LOOK_AT_RUN_SECONDS = 3.0
TIMEOUT_SECONDS = 10.0
MOST_SAMPLES = 4000


@dataclass
class LiveMeasure:
    """What was measured before is in the profile: `Point`s are kept by `keep_point`, samples while a load lasts."""

    profile: Profile
    run: Run
    heartbeat: Heartbeat
    _running: Configuration | None = None
    _began: float = field(default_factory=time.time)
    _kept_at: float = 0.0
    _looked_at: float = 0.0
    _peak: int = 0
    _before: tuple[float, float] | None = None  # moment and CPU seconds of the last look

    def __call__(self, configuration: Configuration, load: Load) -> Measured:
        """Raises `IsolatedRunFailed` where the first start of all fails, `NothingAnswered` where no request is
        answered at all, and `LeaseLost` when the profile was cancelled or taken over."""
        began = time.monotonic()
        try:
            if configuration != self._running:
                self._start(configuration)
            found = self._measure(load)
        except IsolatedRunFailed as failed:
            self._running = None
            if not self.profile.points and failed.code != "out_of_memory":
                raise
            return nothing(failed.message, time.monotonic() - began)
        if not self.profile.points and not found.answered:
            raise NothingAnswered(found.error or _told(found.errors), self.run.log())
        return replace(found, memory=self._peak or found.memory, seconds=time.monotonic() - began)

    @property
    def spent(self) -> float:
        """Seconds of measuring so far, of all attempts."""
        return sum(float(point["measured"]["seconds"]) for point in self.profile.points)

    def tell(self, configuration: Configuration, load: Load, purpose: Purpose) -> None:
        """Write down what is measured next."""
        what = f"at {load.rate:g}/s" if load.rate else f"{load.connections} at a time"
        share = 0.1 + 0.85 * self.spent / self.profile.limits["seconds"]
        self.heartbeat.step(f"{WORDS[purpose]}: {configuration}, {what}"[:64], min(share, 0.95))

    def keep_point(self, point: Point) -> None:
        """What was measured, so that the next attempt goes on from there."""
        self.profile.points.append(msgspec.to_builtins(point))
        self._keep(points=self.profile.points, samples=self.profile.samples)

    def _start(self, configuration: Configuration) -> None:
        self._running = None
        memory = self.profile.limits.get("memory_gb") or max(ROOMY_GB, self.profile.options.get("memory_gb", 0))
        seconds = self.run.start(options_of(self.profile.options, configuration, memory))
        self._running, self._before, self._peak = configuration, None, 0
        if seconds > (self.profile.cold_start_seconds or 0.0):
            self.profile.cold_start_seconds = seconds
            self._keep(cold_start_seconds=seconds)

    def _measure(self, load: Load) -> Measured:
        processes = [pid for one in self.run.usage() for pid in one.processes]
        with ExitStack() as opened:
            addresses = [
                opened.enter_context(address_of(endpoint, owner, PATH))
                for endpoint, owner in self.run.endpoints().values()
            ]
            plan = Plan(
                address=addresses[0],
                more_addresses=addresses[1:],
                bodies=Inline(texts=self.profile.bodies["texts"]),
                headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.run.key}"},
                timeout_seconds=TIMEOUT_SECONDS,
                order="random" if len(self.profile.bodies["texts"]) > 1 else "in turn",
                watch=processes,
            )
            return measure_load(plan, load, over=self.profile.goal["p99"], on_second=self._look).measured

    # --- while a load lasts

    def _look(self, told: Second) -> None:
        if time.monotonic() - self._looked_at > LOOK_AT_RUN_SECONDS:
            self._looked_at = time.monotonic()
            self.run.observe()
        used = self.run.usage()
        self._add_sample(told, used)
        if time.monotonic() - self._kept_at > KEEP_SECONDS:
            self._kept_at = time.monotonic()
            self._keep(samples=self.profile.samples)

    def _add_sample(self, told: Second, used: list[Usage]) -> None:
        now, cpu = time.time(), sum(one.cpu_seconds for one in used)
        before, self._before = self._before, (now, cpu)
        self._peak = max([self._peak, *(one.peak_bytes for one in used)])
        cores = (cpu - before[1]) / (now - before[0]) if before and now > before[0] else None
        samples = self.profile.samples
        started = self.profile.started_at.timestamp() if self.profile.started_at else self._began
        samples.append(
            [
                round(now - started, 2),
                len(self.profile.points),
                _rounded(told.answered / told.seconds if told.seconds else 0.0),
                _rounded(told.p50),
                _rounded(told.p99),
                _rounded(cores),
                max((one.memory_bytes for one in used), default=None),
                sum(one.threads for one in used),
            ]
        )
        del samples[:-MOST_SAMPLES]

    def _keep(self, **facts: Any) -> None:
        if not self.profile.keep(**facts):
            raise LeaseLost


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _told(errors: dict[str, int]) -> str:
    return ", ".join(f"{kind}: {count}" for kind, count in errors.items())
