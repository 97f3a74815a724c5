"""Quotas of keys: requests a UTC day. What was used before the front started comes with the routing file."""

from datetime import UTC, datetime, timedelta

from scoring.core.errors import ScoringError
from scoring.front.auth import Caller
from scoring.front.table import Service
from scoring.front_contract import KeyUse


class Quotas:
    """Counts the use of every key of the day."""

    def __init__(self) -> None:
        self._day = _today()
        self._used: dict[tuple[int, str], int] = {}

    def changed(self, services: list[Service]) -> None:
        """There is a new table: counting goes on from the larger of what is known here and there."""
        for service in services:
            for key in service.settings.keys:
                known = self._used.get((service.id, key.name), 0)
                theirs = key.requests_today if key.day == self._day else 0
                self._used[service.id, key.name] = max(known, theirs)

    def use(self, service: int, caller: Caller) -> ScoringError | None:
        """Count a request; the error where the key has none left today."""
        key = (service, caller.name)
        count = self._used[key] = self._used.get(key, 0) + 1
        limit = caller.key.requests_a_day if caller.key is not None else None
        if limit is None or count <= limit:
            return None
        self._used[key] = count - 1
        message = f"The key {caller.name} has used its {limit} requests of today (UTC)."
        return ScoringError(429, "quota_used", message, headers=(("retry-after", str(_seconds_left())),))

    def tick(self) -> None:
        """A new day begins at midnight, UTC."""
        if (today := _today()) != self._day:
            self._day = today
            self._used.clear()

    def report(self) -> list[KeyUse]:
        """The use of every key so far."""
        return [KeyUse(service=service, key=key, day=self._day, requests=count)
                for (service, key), count in self._used.items() if count]  # fmt: skip


def _today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def _seconds_left() -> int:
    now = datetime.now(UTC)
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
    return int((midnight - now).total_seconds()) + 1
