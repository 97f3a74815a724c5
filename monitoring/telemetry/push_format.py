"""The body of a telemetry push, also of scoring servers of version 0.1.0: the one place that knows their windows."""

from typing import Any

import msgspec

from scoring.contract import METRICS, Push, Window


class _PushedWindow(Window):
    """A window whose figures are maps, or, as version 0.1.0 sends it, a field each."""

    codes: dict[str, int] = {}
    keys: dict[str, int] = {}
    spent: dict[str, int] = {}
    rows: dict[str, int] = {}
    latency: dict[str, int] = {}
    queue: dict[str, int] = {}
    infer: dict[str, int] = {}
    cpu: float | None = None
    memory: int | None = None


class _PushBody(msgspec.Struct):
    service: int
    windows: list[_PushedWindow]


_decoder = msgspec.json.Decoder(_PushBody)
_OLD_FIELDS = frozenset(_PushedWindow.__struct_fields__) - frozenset(Window.__struct_fields__)


def decode(body: bytes) -> Push:
    """The push, with figures as maps. Raises `msgspec.DecodeError` and `UnicodeDecodeError`."""
    pushed = _decoder.decode(body)
    return Push(service=pushed.service, windows=[_with_maps(window) for window in pushed.windows])


def _with_maps(window: _PushedWindow) -> Window:
    """Figures that came as a field each, added to the maps; those that were not sent stay out."""
    maps: dict[str, dict[str, Any]] = {
        "counter": window.counters,
        "histogram": window.histograms,
        "gauge": window.gauges,
    }
    for name in _OLD_FIELDS:
        value = getattr(window, name)
        if value is not None and value != {}:
            maps[METRICS[name].kind][name] = value
    return window
