"""How services are doing at the moment, for their pages and lists.

Who measures it stands above this app and registers here when the studio starts (monitoring.apps); until then nothing
is known.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from deployments.models import Service


class Figures(Protocol):
    """What counted over the last minutes. `tone` is that of the error rate: warn, bad, or empty where it is low."""

    @property
    def requests(self) -> int: ...
    @property
    def requests_per_second(self) -> float | None: ...
    @property
    def p95_ms(self) -> float | None: ...
    @property
    def error_rate(self) -> float | None: ...
    @property
    def tone(self) -> str: ...


Reader = Callable[[Iterable[Service]], Mapping[int, Figures]]

_readers: list[Reader] = []


def register(reader: Reader) -> None:
    """Have `reader` tell the figures of services, by their primary keys, from now on."""
    _readers[:] = [reader]


def recent_figures(services: Iterable[Service]) -> Mapping[int, Figures]:
    """By primary key; a service that nobody has measured is missing."""
    return _readers[0](services) if _readers else {}
