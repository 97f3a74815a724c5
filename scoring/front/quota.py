"""Quotas of keys: requests and rows a UTC day.

Several front processes may serve at once, while one takes over from another. Each keeps what it has counted itself in
a file of its own in the folder; what a key has used is the sum over all files, whoever is alive. A process that is
killed loses what it counted in its last second. What the studio knows comes with the routing file, and counts where it
is more.
"""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import time_ns

import msgspec

from scoring.core.errors import ScoringError
from scoring.front.auth import Caller, Used
from scoring.front.table import Service
from scoring.front_contract import KeyUse

Place = tuple[int, str]  # id of the service, name of the key
Stamp = tuple[int, int]


def today() -> date:
    """The UTC day."""
    return datetime.now(UTC).date()


class Quotas:
    """Counts the use of every key; `tick` is to be called once a second, and when the process ends."""

    def __init__(self, folder: Path, day: Callable[[], date] = today) -> None:
        self._folder = folder
        self._file = folder / f"{time_ns()}-{os.getpid()}.json"
        self._now = day
        self._day = day()
        self._used: dict[Place, Used] = {}  # of this day, by all processes
        self._others: dict[Place, tuple[int, int]] = {}  # the part of it that other processes have counted
        self._before: list[KeyUse] = []  # what this process counted on the day before
        self._files: dict[str, tuple[Stamp, list[KeyUse]]] = {}  # of other processes
        self._saved: list[KeyUse] = []
        self._told: list[KeyUse] = []  # of the day before: what the studio has
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._read_others()

    def changed(self, services: list[Service]) -> None:
        """There is a new table: its callers count on from what is known here or to the studio, whichever is more."""
        for service in services:
            for _, caller in service.credentials.callers:
                caller.used = self._used.setdefault((service.id, caller.name), Used())
                if (key := caller.key) is not None and key.day == str(self._day):
                    caller.used.requests = max(caller.used.requests, key.requests_today)
                    caller.used.rows = max(caller.used.rows, key.rows_today)

    def use(self, caller: Caller) -> ScoringError | None:
        """Count a request; the error where the key has none left today. Rows are known once a request is answered, so
        the one that uses the last of them may use more."""
        used, key = caller.used, caller.key
        if used is None or key is None:
            return None
        if key.requests_a_day is not None and used.requests >= key.requests_a_day:
            return _used_up(key.name, f"{key.requests_a_day} requests")
        if key.rows_a_day is not None and used.rows >= key.rows_a_day:
            return _used_up(key.name, f"{key.rows_a_day} rows")
        used.requests += 1
        return None

    def tick(self) -> None:
        """A new day begins at midnight, UTC; take note of what others have counted, and keep what was counted here."""
        if (day := self._now()) != self._day:
            self._before = self._own()
            self._day = day
            self._others.clear()
            for used in self._used.values():
                used.requests = used.rows = 0
            self._told = []
            self._add_others()
        self._read_others()
        self._save()

    def report(self) -> list[KeyUse]:
        """What came with every key today, and on the day before until `told` says that the studio has that. Only what
        is kept is told: no process that starts hears more from the studio than it finds in the folder."""
        self._save()
        mine = [_use(place, self._day, used.requests, used.rows) for place, used in self._used.items() if _any(used)]
        before = self._of_day_before()
        return mine if before == self._told else [*before, *mine]

    def told(self, reported: Iterable[KeyUse]) -> None:
        """The studio has taken this report."""
        day = str(self._day - timedelta(days=1))
        if before := [use for use in reported if use.day == day]:
            self._told = before

    def _own(self) -> list[KeyUse]:
        found = []
        for place, used in self._used.items():
            requests, rows = self._others.get(place, (0, 0))
            if used.requests > requests or used.rows > rows:
                found.append(_use(place, self._day, used.requests - requests, used.rows - rows))
        return found

    def _of_day_before(self) -> list[KeyUse]:
        day = self._day - timedelta(days=1)
        totals = _sums([self._before, *(uses for _, uses in self._files.values())], day)
        return [_use(place, day, *total) for place, total in sorted(totals.items())]

    # -- files

    def _save(self) -> None:
        own = [*self._before, *self._own()]
        if own == self._saved:
            return
        scratch = self._file.with_suffix(".new")
        with suppress(OSError):  # a full disk is no reason to stop; the next second tries again
            scratch.write_bytes(msgspec.json.encode(own))
            os.replace(scratch, self._file)
            self._saved = own

    def _read_others(self) -> None:
        with suppress(OSError):
            found = {entry.name: entry for entry in os.scandir(self._folder)
                     if entry.name.endswith(".json") and entry.name != self._file.name}  # fmt: skip
            changed = False
            for name in self._files.keys() - found.keys():
                del self._files[name]
                changed = True
            for name, entry in found.items():
                stat = entry.stat()
                stamp = stat.st_mtime_ns, stat.st_ino
                if name not in self._files or self._files[name][0] != stamp:
                    self._files[name] = stamp, _read(Path(entry.path))
                    changed = True
            if changed:
                self._add_others()
                self._remove_old()

    def _add_others(self) -> None:
        others = _sums((uses for _, uses in self._files.values()), self._day)
        for place, (requests, rows) in others.items():
            used, known = self._used.setdefault(place, Used()), self._others.get(place, (0, 0))
            used.requests += requests - known[0]
            used.rows += rows - known[1]
        self._others = others

    def _remove_old(self) -> None:
        """Files of processes that counted nothing since the day before yesterday."""
        oldest = str(self._day - timedelta(days=1))
        for name, (_, uses) in list(self._files.items()):
            if all(use.day < oldest for use in uses):
                (self._folder / name).unlink(missing_ok=True)
                del self._files[name]


def _read(path: Path) -> list[KeyUse]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[KeyUse])
    except msgspec.DecodeError:
        return []


def _sums(files: Iterable[list[KeyUse]], day: date) -> dict[Place, tuple[int, int]]:
    """By key, requests and rows of a day."""
    totals: dict[Place, tuple[int, int]] = {}
    for uses in files:
        for use in uses:
            if use.day == str(day):
                requests, rows = totals.get((use.service, use.key), (0, 0))
                totals[use.service, use.key] = requests + use.requests, rows + use.rows
    return totals


def _use(place: Place, day: date, requests: int, rows: int) -> KeyUse:
    return KeyUse(service=place[0], key=place[1], day=str(day), requests=requests, rows=rows)


def _any(used: Used) -> bool:
    return bool(used.requests or used.rows)


def _used_up(name: str, what: str) -> ScoringError:
    message = f"The key {name} has used its {what} of today (UTC)."
    return ScoringError(429, "quota_used", message, headers=(("retry-after", str(_seconds_left())),))


def _seconds_left() -> int:
    now = datetime.now(UTC)
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
    return int((midnight - now).total_seconds()) + 1
