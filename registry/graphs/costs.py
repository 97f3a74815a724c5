"""What the nodes of a version's graph take of the time, for its drawing.

Who measures it stands above this app and registers here when the studio starts (monitoring.apps); until then nothing
is known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from registry.models import ModelVersion


@dataclass(frozen=True)
class Costs:
    """`shares` of the time, from 0 to 1, and the execution `providers`, by names of nodes. The runtime fuses nodes:
    the names of what it made of them are not in the graph. `source` and `url`: where it was measured.
    """

    shares: Mapping[str, float]
    providers: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    url: str = ""


Reader = Callable[[ModelVersion], Costs | None]

_readers: list[Reader] = []


def register(reader: Reader) -> None:
    """Have `reader` tell the costs of a version's nodes from now on."""
    _readers[:] = [reader]


def costs_of(version: ModelVersion) -> Costs | None:
    """None where nothing has been measured."""
    return _readers[0](version) if _readers else None
