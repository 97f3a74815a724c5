"""What a collection did, as values for REST and as lines for operators."""

from collections.abc import Iterator
from typing import Any

from deployments.models import Collection

STEPS = ("B", "kB", "MB", "GB", "TB")


def describe(collection: Collection) -> dict[str, Any]:
    """As REST answers it."""
    return {
        "id": collection.pk,
        "state": collection.state,
        "dry_run": collection.dry_run,
        "count": collection.count,
        "freed_bytes": collection.freed_bytes,
        "kinds": collection.kinds,
        "items": collection.items,
        "problems": collection.problems,
        "error": collection.error,
        "created_at": collection.created_at,
        "finished_at": collection.finished_at,
    }


def lines(collection: Collection) -> Iterator[str]:
    """A table, and the sum at its end."""
    for item in collection.items:
        yield f"{item['kind']:<12} {item['name']:<24} {in_bytes(item['bytes']):>9}  {_day(item)}  {item['why']}"
    if collection.count > len(collection.items):
        yield f"... and {collection.count - len(collection.items)} more"
    verb = "would be removed" if collection.dry_run else "removed"
    frees = "which would free" if collection.dry_run else "which freed"
    items = "1 unused item" if collection.count == 1 else f"{collection.count} unused items"
    yield f"{items} {verb}, {frees} {in_bytes(collection.freed_bytes)}."
    yield from (f"Not removed: {problem}" for problem in collection.problems)


def in_bytes(size: float) -> str:
    """'3.2 MB', in powers of 1000."""
    step = 0
    while size >= 1000 and step < len(STEPS) - 1:
        size, step = size / 1000, step + 1
    return f"{size:.0f} {STEPS[step]}" if step == 0 else f"{size:.1f} {STEPS[step]}"


def _day(item: dict[str, Any]) -> str:
    return str(item["unused_since"])[:10]
