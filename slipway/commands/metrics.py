"""`slipway service metrics`: what a service has answered, how fast, and what it took."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import typer

from slipway import output, wording
from slipway.commands.options import ServiceName, open_client

Range = Literal["15m", "1h", "6h", "24h", "7d"]


def show(
    name: ServiceName,
    range: Annotated[Range, typer.Option(help="How far back.")] = "15m",
) -> None:
    """Print the figures of a service; with -o json also their course over time."""
    with open_client() as client:
        found = client.metrics(name, range)
    output.result(found, lambda: _show(found))


def _show(found: Mapping[str, Any]) -> None:
    total = found["total"]
    memory, errors = total.get("memory_bytes"), total.get("error_rate")
    output.facts(
        {
            "service": found["service"],
            "range": found["range"],
            "requests": str(total["requests"]),
            "rate": _rate(total.get("requests_per_second")),
            "errors": f"{total['errors']}{'' if errors is None else f' ({errors:.2%})'}",
            "p50": _with_unit(total.get("p50_ms"), "ms"),
            "p95": _with_unit(total.get("p95_ms"), "ms"),
            "p99": _with_unit(total.get("p99_ms"), "ms"),
            "memory": wording.size(memory) if memory else None,
        }
    )
    if not total["requests"]:
        output.note("Nothing was measured in this time.")


def _rate(per_second: float | None) -> str | None:
    """Per minute where that reads better, as on the pages."""
    if per_second is not None and 0 < per_second < 1:
        return _with_unit(per_second * 60, "requests/min")
    return _with_unit(per_second, "requests/s")


def _with_unit(figure: float | None, unit: str) -> str | None:
    """Three digits are what a measurement is worth."""
    return None if figure is None else f"{figure:,.3g} {unit}"
