"""How answers to copied requests agreed with those that callers got, for pages and REST.

Who counts it stands above this app and registers here when the studio starts (monitoring.apps); until then nothing is
known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from deployments.models import Service


@dataclass(frozen=True)
class Shadow:
    """What a revision made of copies of requests: how many answers were `compared`, of which `disagreed` differ;
    copies that `failed` had no answer, and those `dropped` were not sent, since too many were under way.

    `outputs`: by name, the largest difference of an output's numbers, rounded up to one digit. `slower_ms`: the mean
    time of the copies' answers minus that of the callers'; None without one.
    """

    compared: int = 0
    disagreed: int = 0
    failed: int = 0
    dropped: int = 0
    outputs: Mapping[str, float] = field(default_factory=dict)
    slower_ms: float | None = None


Reader = Callable[[Service], Mapping[int, Shadow]]

_readers: list[Reader] = []


def register(reader: Reader) -> None:
    """Have `reader` tell of a service's revisions, by number, from now on."""
    _readers[:] = [reader]


def shadow_figures(service: Service) -> Mapping[int, Shadow]:
    """By number; a revision that got no copies in the last day is missing."""
    return _readers[0](service) if _readers else {}
