"""What the gRPC server takes from the worker that it runs in."""

from collections.abc import Callable
from dataclasses import dataclass

from scoring.auth.keys import Keys
from scoring.core.settings import Replica
from scoring.counters.telemetry import Counters
from scoring.engine.engine import Engine
from scoring.observers.watch import Watch
from scoring.queue.admission import Admission


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
