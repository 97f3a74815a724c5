"""Rows that an entry script collects itself (ModelDataCollector), on their way to the collector.

A record has `designation` (inputs, predictions, labels, signals or general), `model`, `version`, `collection`,
`columns` (names or None), `rows` (lists of plain values), `correlation` (the columns that join inputs with
predictions, or None), `time` (ISO 8601, UTC) and `request` (an id).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from scoring.core.log import log

Record = dict[str, Any]
Sink = Callable[[Record], None]
NO_REQUEST = "00000000-0000-0000-0000-000000000000"
_sinks: list[Sink] = []
_request_ids: list[Callable[[], str]] = []
_logged = False


def set_sink(sink: Sink) -> None:
    """Give every record from now on to `sink`, in the thread of the run that made it; it must not wait."""
    _sinks[:] = [sink]


@contextmanager
def discard_records() -> Iterator[None]:
    """Drop what is collected in here: it belongs to no client's request."""
    sinks = list(_sinks)
    set_sink(lambda _: None)
    try:
        yield
    finally:
        _sinks[:] = sinks


def set_request_id_source(ask: Callable[[], str]) -> None:
    """Set the function that gives the id of the current request."""
    _request_ids[:] = [ask]


def request_id() -> str:
    """The id of the request being answered in this context; zeros outside of one."""
    return (_request_ids[0]() if _request_ids else "") or NO_REQUEST


def collect(record: Record) -> None:
    """Hand a record to the sink. Without one, log once that records are not kept."""
    global _logged  # noqa: PLW0603 - once for the process
    if _sinks:
        _sinks[0](record)
        return
    if not _logged:
        kept = 'collection is off; the option collect of its server, such as {"collect": {}}, switches it on'
        log(f"the script collects {record['designation']}, but this service keeps none: {kept}")
    _logged = True
