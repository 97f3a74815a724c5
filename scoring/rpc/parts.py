"""What the gRPC server takes from the worker that it runs in."""

from collections.abc import Callable
from dataclasses import dataclass

from scoring.core.settings import Replica
from scoring.engine.dispatch import Dispatcher
from scoring.engine.engine import Engine


@dataclass(frozen=True)
class Parts:
    """All of it is shared with HTTP, so that the calls of both are counted, queued and observed together."""

    replica: Replica
    engine: Engine
    dispatcher: Dispatcher
    draining: Callable[[], bool]
