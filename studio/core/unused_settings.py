"""Settings of Azure's files that have no meaning here, told by name. Pure.

A file may be written for images and clusters; what Slipway has no counterpart for is accepted and named, so that
nobody believes it holds. Values are never repeated: some are passwords.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

MOST = 50  # names in a sentence
LONGEST = 100  # characters of a name
UNKNOWN = "Slipway knows no such setting."
Reasons = Mapping[str, str]  # dotted path, of a setting or of all below it, to why it has no meaning
Idle = Mapping[str, tuple[Any, ...]]  # dotted path to the values that ask for nothing


def leaves(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Dotted path and value of everything in the document that is no object, in its order."""
    waiting = [("", document)]
    while waiting:  # no recursion: what people send can be nested deeply
        path, value = waiting.pop()
        if isinstance(value, Mapping) and value:
            below = [(f"{path}.{name}" if path else str(name), one) for name, one in value.items()]
            waiting += reversed(below)
        elif path:
            yield path, value


def asks_for_something(path: str, value: Any, idle: Idle) -> bool:
    """Whether a setting has been given a value that would change anything."""
    if value in (None, False, 0, "", [], {}):
        return False
    return not any(value == one and isinstance(value, bool) is isinstance(one, bool) for one in idle.get(path, ()))


def sentences(document: Mapping[str, Any], reasons: Reasons, idle: Idle) -> list[str]:
    """One for each reason, with the settings that it is about; other settings are left out."""
    found: dict[str, list[str]] = {}
    for path, value in leaves(document):
        why = reason_for(path, reasons)
        if why and asks_for_something(path, value, idle):
            found.setdefault(why, []).append(path[:LONGEST])
    return [f"{_listed(paths)} {'has' if len(paths) == 1 else 'have'} no effect: {why}" for why, paths in found.items()]


def with_unknown(document: Mapping[str, Any], reasons: Reasons, used: Collection[str]) -> dict[str, str]:
    """The reasons, and one for each setting of the document that is neither among them nor `used`."""
    found = dict(reasons)
    for path, _ in leaves(document):
        is_used = any(path == one or path.startswith(f"{one}.") for one in used)
        if not is_used and not reason_for(path, reasons):
            found[path] = UNKNOWN
    return found


def reason_for(path: str, reasons: Reasons) -> str:
    """Why the setting has no meaning; empty where nothing says so. The longest path that holds it decides."""
    parts = path.split(".")
    known = (reasons.get(".".join(parts[:length])) for length in range(len(parts), 0, -1))
    return next((why for why in known if why), "")


def _listed(paths: list[str]) -> str:
    shown = paths if len(paths) <= MOST else [*paths[:MOST], f"{len(paths) - MOST} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
