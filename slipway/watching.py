"""What people watch while they work on a script: changes of its folder, and what its service writes."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.errors import SlipwayError
from slipway.folders import NOT_SOURCE

if TYPE_CHECKING:
    from slipway.client import Client

SETTLE_MILLISECONDS = 400  # editors write a file in several steps


def changes_in(folder: Path, seconds: float) -> Iterator[bool]:
    """True after files of the folder have changed, False when nothing has for so many seconds. The first is True: files
    may have changed before anybody watched."""
    import watchfiles  # slow to load

    class Sources(watchfiles.DefaultFilter):
        ignore_dirs = (*watchfiles.DefaultFilter.ignore_dirs, *NOT_SOURCE)

    watched = watchfiles.watch(
        folder,
        watch_filter=Sources(),
        debounce=SETTLE_MILLISECONDS * 4,
        step=SETTLE_MILLISECONDS,
        rust_timeout=int(seconds * 1000),
        yield_on_timeout=True,
        raise_interrupt=True,
    )
    next(watched, None)
    yield True
    for changes in watched:
        yield bool(changes)


def ticks(seconds: float) -> Iterator[bool]:
    """False every so many seconds."""
    while True:
        yield False
        time.sleep(seconds)


class LogReader:
    """What a service has written since it was last asked; while the studio is away, nothing."""

    def __init__(self, client: "Client", name: str) -> None:
        self._client, self._name, self._offset = client, name, 0

    def restart(self) -> None:
        """Another revision runs, whose log begins anew."""
        self._offset = 0

    def read(self) -> str:
        pieces: list[str] = []
        try:
            while True:
                piece = self._client.logs(self._name, offset=self._offset)
                self._offset = piece["offset"]
                if not piece["text"]:
                    break
                pieces.append(piece["text"])
        except SlipwayError:
            pass  # it is asked again in a second
        return "".join(pieces)
