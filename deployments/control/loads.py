"""What services had to do lately, over all fronts that tell of it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from deployments.control.scaling import Observation
from deployments.models import FrontStatus
from scoring.front_contract import ServiceLoad

STALE_SECONDS = 5.0  # older figures are nobody's


class Loads:
    """Of all revisions. One of which no front tells anything had nothing to do; without a front nobody knows."""

    def __init__(self, fronts: Iterable[FrontStatus]) -> None:
        self._fronts = [(one, msgspec.convert(one.loads, list[ServiceLoad])) for one in fronts if one.loads_at]
        self._at = max((one.loads_at.timestamp() for one, _ in self._fronts if one.loads_at), default=0.0)
        self._seconds = max((one.loads_seconds for one, _ in self._fronts), default=1.0)

    @property
    def services(self) -> set[int]:
        """Those that a front tells of."""
        return {load.service for _, loads in self._fronts for load in loads}

    def of(self, service: int, revision: int) -> Observation | None:
        """Of the revision of that number; None where no front tells anything."""
        if not self._fronts:
            return None
        told = (load for _, loads in self._fronts for load in loads)
        found = [load for load in told if (load.service, load.revision) == (service, revision)]
        answered = [(load.service_seconds, load.arrivals or 1) for load in found if load.service_seconds is not None]
        weight = sum(count for _, count in answered)
        return Observation(
            at=self._at,
            seconds=self._seconds,
            busy=sum(load.busy for load in found),
            arrivals=sum(load.arrivals / load.seconds for load in found) * self._seconds,
            service_seconds=sum(seconds * count for seconds, count in answered) / weight if answered else None,
            waiting=sum(load.waiting for load in found),
        )


def fresh_loads(now: datetime) -> Loads:
    """What fronts have told in the last seconds."""
    return Loads(FrontStatus.objects.filter(loads_at__gt=now - timedelta(seconds=STALE_SECONDS)))
