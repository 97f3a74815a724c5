"""Times, sizes and values as people read them, in one form everywhere; JSON keeps the exact ones."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_STEPS = ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"))
_UNITS = ("B", "kB", "MB", "GB", "TB")


def when(moment: str | None, now: datetime | None = None) -> str:
    """An ISO 8601 time as local time and distance: 2026-11-28 16:18:26 (12 min ago)."""
    then = _read(moment)
    return f"{then.astimezone():%Y-%m-%d %H:%M:%S} ({_distance(then, now)})" if then else moment or ""


def ago(moment: str | None, now: datetime | None = None) -> str:
    """An ISO 8601 time as its distance: 12 min ago."""
    then = _read(moment)
    return _distance(then, now) if then else moment or ""


def _read(moment: str | None) -> datetime | None:
    try:
        then = datetime.fromisoformat(moment or "")
    except ValueError:
        return None
    return then.replace(tzinfo=UTC) if then.tzinfo is None else then


def _distance(then: datetime, now: datetime | None) -> str:
    seconds = ((now or datetime.now(UTC)) - then).total_seconds()
    length = abs(seconds)
    if length < 1:
        return "now"
    spelled = next((f"{int(length // unit)} {name}" for end, unit, name in _STEPS if length < end), "")
    days = int(length // 86_400)
    spelled = spelled or f"{days} day{'s' if days > 1 else ''}"
    return f"{spelled} ago" if seconds > 0 else f"in {spelled}"


def size(count: float) -> str:
    """Bytes: 1 kB is 1,000 bytes."""
    amount, unit = float(count), 0
    while amount >= 999.95 and unit + 1 < len(_UNITS):  # what would be rounded to 1000.0
        amount /= 1000
        unit += 1
    return f"{amount:.{1 if unit else 0}f} {_UNITS[unit]}"


def part_of(count: int, total: int) -> str:
    """How many bytes of a total, in its unit: 210 of 500 MB."""
    whole, _, unit = size(total).partition(" ")
    part = count / 1000 ** _UNITS.index(unit)
    digits = 0 if unit == "B" else 1
    return f"{_short(f'{part:.{digits}f}')} of {_short(whole)} {unit}"


def _short(number: str) -> str:
    return number.removesuffix(".0")


def pairs(values: Mapping[str, Any]) -> str:
    """Tags and properties on one line: area=vision, stage=draft."""
    return ", ".join(f"{key}={value(one)}" if one != "" else key for key, one in sorted(values.items()))


def value(one: Any) -> str:
    """A value of JSON: yes and no, whole numbers without a point, text as it is."""
    if isinstance(one, bool):
        return "yes" if one else "no"
    if isinstance(one, float) and one.is_integer():
        return str(int(one))
    return one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)
