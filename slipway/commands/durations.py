"""Durations as people type them."""

from slipway.errors import Misuse

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds_of(given: str, example: str) -> float:
    """'5m' as 300.0; without a unit, seconds. Raises `Misuse`, with the `example` of how to type it."""
    number, unit = (given[:-1], given[-1:]) if given[-1:] in UNITS else (given, "s")
    try:
        return float(number) * UNITS[unit]
    except ValueError as error:
        raise Misuse(f"'{given}' is no duration.", hint=f"For example: {example}") from error
