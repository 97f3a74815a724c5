"""What was measured, as pages and CSV show it. Pure but for the rows it is given."""

from collections.abc import Iterator
from typing import Any

from registry.conversion.outcome import sentence
from registry.models import Conversion, ConversionVariant
from studio.core.quantities import duration, tiny

HEADINGS = (
    "variant",
    "verdict",
    "seconds for one row",
    "speed-up for one row",
    "seconds for many rows",
    "speed-up for many rows",
    "noise",
    "bytes",
    "seconds to load",
    "largest difference",
    "decided otherwise",
    "version",
    "reason",
)


def csv_rows(conversion: Conversion) -> Iterator[list[Any]]:
    """The headings, the original, and a row for each variant."""
    yield list(HEADINGS)
    paces = conversion.result.get("paces", {})
    one, many = paces.get("one", {}), paces.get("many", {})
    yield ["original", "", one.get("seconds"), 1, many.get("seconds"), 1, one.get("noise"), "", "", "", "", "", ""]
    for variant in conversion.variants.all():
        facts = variant.facts
        yield [
            variant.name,
            variant.verdict,
            variant.pace("one").get("seconds"),
            variant.one,
            variant.pace("many").get("seconds"),
            variant.many,
            facts.get("noise"),
            facts.get("size"),
            facts.get("load_seconds"),
            variant.largest,
            variant.changed,
            variant.version or "",
            variant.reason,
        ]


def verdict_of(conversion: Conversion) -> dict[str, str] | None:
    """The sentence at the top, once there is one."""
    if conversion.state != "succeeded":
        return None
    best = conversion.recommended
    columns = [
        {"verdict": one.verdict, "facts": one.facts, "one": one.one, "many": one.many}
        for one in conversion.variants.all()
    ]
    return {"text": sentence(columns), "tone": "ok" if best else "idle", "why": _why(conversion, best)}


def _why(conversion: Conversion, best: ConversionVariant | None) -> str:
    if best is None:
        return "The table says of each variant what stood in its way."
    one = best.pace("one").get("seconds", 0)
    original = conversion.result.get("paces", {}).get("one", {}).get("seconds", 0)
    rows = sum(group["rows"] for group in best.facts.get("groups", []))
    moved = f"no answer moves by more than {tiny(best.largest)}" if best.largest else "no answer moves at all"
    return f"{duration(one)} instead of {duration(original)} for one row; on {rows:,} rows {moved}."


def gates_of(conversion: Conversion) -> list[tuple[str, str]]:
    """What the variants had to pass, and on which rows."""
    found = [
        ("Largest difference", _tolerances(conversion)),
        ("Decided otherwise", "at most 1 of 1,000 rows, ties left out"),
        ("Speed", "not slower for one row nor for many, and faster beyond the noise (at least 5 %)"),
        ("Measured", "medians of 5 interleaved rounds or more after a warm-up, one thread"),
    ]
    kinds = conversion.result.get("kinds") or []
    return [*found, ("Rows", ", ".join(kinds))] if kinds else found


def _tolerances(conversion: Conversion) -> str:
    if conversion.tolerance is not None:
        return f"{conversion.tolerance:g}"
    return "0.0001; 0.01 for float16 and int8"
