"""Pure: which shares of traffic can be, and what they are once the default revision has got the rest."""

import math
import re
from collections.abc import Mapping
from typing import Any

from deployments.errors import BadTraffic
from deployments.traffic.shares import Share

REVISIONS_LIMIT = 10  # that run at once
HOSTS_LIMIT = 20
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # RFC 9110; cookies have the same names
_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_NUMBERS_ONLY = re.compile(r"[0-9.]+")


def complete_shares(percents: Mapping[int, float], mirrors: Mapping[int, float], default: int) -> dict[int, Share]:
    """The shares that sum to 100 %: what is missing goes to the default revision. Raises `BadTraffic`."""
    for number, percent in [*percents.items(), *mirrors.items()]:
        _check_percent(number, percent)
    numbers = {default, *percents, *mirrors}
    if len(numbers) > REVISIONS_LIMIT:
        raise _bad(f"{len(numbers)} revisions cannot run at once.", f"At most {REVISIONS_LIMIT} may.")
    hundredths = {number: round(percents.get(number, 0) * 100) for number in numbers}
    missing = 10_000 - sum(hundredths.values())
    if missing < 0:
        raise _bad(
            f"The shares sum to {sum(hundredths.values()) / 100:g} %, more than 100 %.",
            "Lower one; what is missing to 100 % goes to the default revision by itself.",
        )
    hundredths[default] += missing
    shares = {number: Share(hundredths[number] / 100, mirrors.get(number, 0.0)) for number in sorted(numbers)}
    _check_mirrors(shares, default)
    return shares


def complete_sticky(given: Mapping[str, Any]) -> dict[str, str]:
    """What of a request decides its revision: {"header": name} or {"cookie": name}; {} for chance. Raises
    `BadTraffic`."""
    found = {kind: str(given[kind]).strip() for kind in ("header", "cookie") if given.get(kind)}
    if len(found) > 1:
        raise _bad("Requests can stick by a header or by a cookie, not by both.", "Leave one of them out.", "sticky")
    for kind, name in found.items():
        if not _TOKEN.fullmatch(name):
            raise _bad(f"'{name[:100]}' is no name of a {kind}.", "For example: x-user-id.", "sticky")
    return {kind: name.lower() if kind == "header" else name for kind, name in found.items()}


def complete_hosts(hosts: list[str]) -> list[str]:
    """Host names in lower case, each once. Raises `BadTraffic`."""
    names = sorted({host.strip().lower().rstrip(".") for host in hosts})
    for name in names:
        if not _HOST.fullmatch(name) or _NUMBERS_ONLY.fullmatch(name):
            raise _bad(f"'{name[:100]}' is no host name.", "For example: iris.example.com, without a port.", "hosts")
    if len(names) > HOSTS_LIMIT:
        raise _bad(f"A service has at most {HOSTS_LIMIT} host names.", "Leave some out.", "hosts")
    return names


def _check_percent(number: int, percent: float) -> None:
    if not (math.isfinite(percent) and 0 <= percent <= 100):
        raise _bad(f"{percent:g} % for revision {number} is not between 0 and 100 %.", "For example: 12.5.")
    if abs(percent * 100 - round(percent * 100)) > 1e-6:
        raise _bad(f"{percent} % for revision {number} is too fine.", "Shares are multiples of 0.01 %.")


def _check_mirrors(shares: Mapping[int, Share], default: int) -> None:
    """A shadow gets copies of what others answer."""
    for number, share in shares.items():
        if share.mirror_percent and (number == default or share.percent >= 100):
            which = "the default revision" if number == default else "the one that gets all requests"
            raise _bad(
                f"Revision {number} would be its own shadow: it is {which}.",
                "Copy requests to another revision.",
                "mirror",
            )


def _bad(message: str, hint: str, field: str = "traffic") -> BadTraffic:
    return BadTraffic(message, hint=hint, field=field)
