"""Clients of engines: one for each address and process, with time limits."""

import os
from threading import Lock
from typing import Any

from docker import APIClient

from deployments.engines.address import EngineAddress
from deployments.engines.problems import naming_problems
from deployments.engines.tls import TlsFromTexts

POOL = 32  # connections that are kept; threads of a worker ask at the same time
OLDEST_API = "1.40"  # Docker 19.03: what the driver sends is understood from there on

_made: dict[tuple[int, EngineAddress], "EngineClient"] = {}  # by process too: a fork shares no connection
_making = Lock()


class EngineClient(APIClient):  # type: ignore[misc]
    """The library's low-level client. It sends nothing by way of proxies and trusts no variables of this process."""

    def __init__(self, address: EngineAddress) -> None:
        """Raises `EngineProblem`; also when the engine does not answer."""
        self.address = address
        with naming_problems(address):
            super().__init__(
                address.base_url,
                timeout=(address.connect_seconds, address.seconds) if address.transport == "tcp" else address.seconds,
                tls=TlsFromTexts(address) if address.uses_tls else False,
                max_pool_size=POOL,
            )

    def _retrieve_server_version(self) -> Any:
        """Asked by the constructor, before anybody else could tell the session what not to trust."""
        self.trust_env = False
        return super()._retrieve_server_version()

    def send(self, request: Any, **options: Any) -> Any:
        """Everything that is asked goes through here."""
        with naming_problems(self.address):
            return super().send(request, **options)


def client_of(address: EngineAddress) -> EngineClient:
    """The client of this process for an address; made, and the engine asked for its version, at the first call.
    Raises `EngineProblem`."""
    kept = (os.getpid(), address)
    with _making:
        if kept not in _made:
            for stale in [one for one in _made if one[0] != kept[0]]:
                del _made[stale]
        found = _made.get(kept)
    if found is None:
        found = EngineClient(address)  # outside the lock: it may take its time
        with _making:
            found = _made.setdefault(kept, found)
    return found


def forget_clients() -> None:
    """As a new process does."""
    with _making:
        _made.clear()
