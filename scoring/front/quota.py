"""Quotas of keys: requests a UTC day.

What was used before a front process started comes with the routing file, and from the process before it by a file in
the front's folder, which is at most a second old.
"""

import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from scoring.core.errors import ScoringError
from scoring.front.auth import Caller
from scoring.front.table import Service
from scoring.front_contract import KeyUse


class Quotas:
    """Counts the use of every key of the day; `file` keeps it for the next process."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._day = _today()
        self._used: dict[tuple[int, str], int] = {}
        self._saved: dict[tuple[int, str], int] = {}
        self._load()

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
        """Once a second: a new day begins at midnight, UTC; what changed is kept."""
        if (today := _today()) != self._day:
            self._day = today
            self._used.clear()
        if self._used != self._saved:
            self._save()

    def _save(self) -> None:
        self._saved = dict(self._used)
        scratch = self._file.with_suffix(".new")
        with suppress(OSError):  # a full disk is no reason to stop
            scratch.write_bytes(msgspec.json.encode(self.report()))
            os.replace(scratch, self._file)

    def _load(self) -> None:
        with suppress(OSError, msgspec.DecodeError):
            for use in msgspec.json.decode(self._file.read_bytes(), type=list[KeyUse]):
                if use.day == self._day:
                    self._used[use.service, use.key] = use.requests

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
