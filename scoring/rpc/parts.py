"""What the gRPC server takes from the worker that it runs in."""

from collections.abc import Callable
from dataclasses import dataclass

from scoring.admission import Admission
from scoring.auth import Keys
from scoring.engine import Engine
from scoring.settings import Replica
from scoring.telemetry import Counters
from scoring.watch import Watch


@dataclass(frozen=True)
class Parts:
    """All of it is shared with HTTP, so that both are counted, queued and watched together."""

    replica: Replica
    engine: Engine
    keys: Keys
    counters: Counters
    admission: Admission
    watch: Watch | None
    draining: Callable[[], bool]
