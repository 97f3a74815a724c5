"""`slipway model convert` and `slipway model optimise`: a version as ONNX, measured beside the original."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipway import output, progress
from slipway.columns import Column
from slipway.commands.options import Reference, Timeout, Wait, given, open_client
from slipway.errors import Misuse

if TYPE_CHECKING:
    from slipway.types import Conversion

Rows = Annotated[
    Path | None, typer.Option("--rows", metavar="FILE", help="CSV or JSON with rows to compare on; else made up.")
]
Label = Annotated[str, typer.Option("--label", metavar="COLUMN", help="The column of true answers in the rows.")]
Tolerance = Annotated[
    float | None, typer.Option("--tolerance", help="Largest shift of answers; left out: 0.0001, and 0.01 for few bits.")
]
Variants = Annotated[
    list[str] | None,
    typer.Option("--variant", metavar="NAME", help="Only this; may be repeated. Such as onnx, float16, int8-static."),
]
Register = Annotated[
    bool, typer.Option("--register/--no-register", help="Make the recommended variant the next version.")
]
COLUMNS = (
    Column("variant", "name"),
    Column("verdict", "verdict"),
    Column("1 row", lambda row: _times(row["speed_up_one"])),
    Column("many rows", lambda row: _times(row["speed_up_many"])),
    Column("largest difference", lambda row: _short(row["largest_difference"])),
    Column("changed", "changed"),
    Column("reason", "reason"),
)


def convert(  # noqa: PLR0913, PLR0917 - a parameter for each option
    reference: Reference,
    rows: Rows = None,
    label: Label = "",
    environment: Annotated[
        str, typer.Option("--environment", metavar="NAME:VERSION", help="In which the model loads; else one is made.")
    ] = "",
    tolerance: Tolerance = None,
    variant: Variants = None,
    register: Register = True,
    wait: Wait = False,
    timeout: Timeout = 1800,
) -> None:
    """Convert a version to ONNX, measure the variants beside it, and register the fastest with the same answers."""
    facts = given(environment=environment, variants=variant, label=label) | {"goal": "convert", "register": register}
    _run(reference, facts, rows, tolerance, wait=wait, timeout=timeout)


def optimise(  # noqa: PLR0913, PLR0917 - a parameter for each option
    reference: Reference,
    rows: Rows = None,
    label: Label = "",
    tolerance: Tolerance = None,
    variant: Variants = None,
    register: Register = True,
    wait: Wait = False,
    timeout: Timeout = 1800,
) -> None:
    """Make variants of an ONNX version, measure them beside it, and register the fastest with the same answers."""
    facts = given(variants=variant, label=label) | {"goal": "optimise", "register": register}
    _run(reference, facts, rows, tolerance, wait=wait, timeout=timeout)


def _run(
    reference: str, facts: dict[str, Any], rows: Path | None, tolerance: float | None, *, wait: bool, timeout: float
) -> None:
    facts |= {"rows": _read(rows)} if rows else {}
    facts |= {} if tolerance is None else {"tolerance": tolerance}
    with open_client() as client:
        made = client.conversions.create(reference, **facts)
        if not wait:
            output.done(dict(made), f"Conversion {made['id']} of {made['model']} is under way.")
            return
        with progress.spinner(made["model"]) as report:
            made = client.conversions.wait(made, timeout=timeout, on_look=lambda found: report(found["step"]))
    output.result(made, lambda: _show(made))


def _read(path: Path) -> Any:
    """CSV as its text, JSON as what it says. Raises `Misuse`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        return json.loads(text) if text.lstrip()[:1] in {"{", "["} else text
    except (OSError, ValueError) as reason:
        raise Misuse(f"{path} cannot be read: {reason}") from reason


def _show(made: "Conversion") -> None:
    output.rows(made["variants"], COLUMNS, cut=("reason",), empty="No variants.")
    if made["new_version"]:
        output.note(f"Registered {made['new_version']}, derived from {made['model']}.")
    elif made["recommended"]:
        output.note(f"Recommended: {made['recommended']}. It is not registered.")
    else:
        output.note(f"Keep {made['model']}: no variant is faster with the same answers.")


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}x"


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}"
