"""The routing file: looked at several times a second, read where it changed, refused where it is not good."""

import os
from pathlib import Path

from scoring.core.log import log
from scoring.front_contract import Routing, decode_routing


class RoutingFile:
    """`applied`: number of the file in use, 0 before the first; `refused`: why a newer one is not."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._stamp: tuple[int, int, int] | None = None
        self.applied = 0
        self.refused = ""

    def read(self) -> Routing | None:
        """A routing file that is new and whole; None where there is none."""
        try:
            stat = os.stat(self._path)
            stamp = stat.st_mtime_ns, stat.st_size, stat.st_ino
            if stamp == self._stamp:
                return None
            contents = self._path.read_bytes()
        except FileNotFoundError:
            self._stamp = None
            return None
        except OSError as error:
            self.refuse(f"it cannot be read: {error}")
            return None
        self._stamp = stamp
        try:
            routing = decode_routing(contents)
        except ValueError as error:
            self.refuse(str(error))
            return None
        if routing.number < self.applied:
            self.refuse(f"its number {routing.number} is lower than {self.applied}, which is in use")
            return None
        return routing

    def take(self, routing: Routing) -> None:
        """It is in use."""
        self.applied, self.refused = routing.number, ""

    def refuse(self, why: str) -> None:
        """It is not used; the last good one stays."""
        if why != self.refused:
            log(f"the routing file is refused, number {self.applied} stays in use: {why}", "E")
        self.refused = why
