"""`slipway service traffic`: show or change which revisions run, and what each gets of the requests."""

from typing import TYPE_CHECKING, Annotated

import typer

from slipway import output
from slipway.columns import Column
from slipway.commands.options import ServiceName, open_client
from slipway.errors import Misuse

if TYPE_CHECKING:
    from slipway.types import Shadow, Traffic


def _agreement(shadow: "Shadow | None") -> str:
    """'99.8 % of 1,200' answers to copies."""
    if not shadow or not shadow["compared"]:
        return ""
    return f"{100 - 100 * shadow['disagreed'] / shadow['compared']:.4g} % of {shadow['compared']:,}"


COLUMNS = (
    Column("revision", "revision"),
    Column("label", "label"),
    Column("traffic", lambda row: f"{row['percent']:g} %"),
    Column("copies", lambda row: f"{row['mirror_percent']:g} %" if row["mirror_percent"] else ""),
    Column("agree", lambda row: _agreement(row.get("shadow"))),
    Column("default", lambda row: "yes" if row["is_default"] else ""),
    Column("state", "state"),
)


def change(  # noqa: PLR0913, PLR0917 - a parameter for each option
    name: ServiceName,
    shares: Annotated[
        list[str] | None, typer.Argument(metavar="[REVISION=PERCENT]...", help="Those not named stop, but the default.")
    ] = None,
    mirror: Annotated[
        list[str] | None,
        typer.Option("--mirror", metavar="REVISION=PERCENT", help="Copies of the others' requests; may be repeated."),
    ] = None,
    default: Annotated[int | None, typer.Option(help="Revision that gets what is missing to 100 %.", min=1)] = None,
    sticky: Annotated[
        str | None, typer.Option(help="header:NAME or cookie:NAME whose value decides the revision; none for chance.")
    ] = None,
    host: Annotated[
        list[str] | None, typer.Option("--host", help="Host name under which the front answers; may be repeated.")
    ] = None,
    promote: Annotated[int | None, typer.Option(help="Revision that gets everything; the others stop.", min=1)] = None,
    abort: Annotated[
        bool, typer.Option("--abort", help="Everything to the default revision; the others stop.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why, for the activity list.")] = "",
) -> None:
    """Show which revisions of a service run and what each gets of the requests, or change it.

    Percentages are in steps of 0.01; what is missing to 100 goes to the default revision. A revision with 0 runs and
    answers requests that ask for it by the header x-slipway-revision.
    """
    ways = [promote is not None, abort, bool(shares or mirror or default)]
    if sum(ways) > 1:
        raise Misuse("Give shares, --promote or --abort, only one of them.")
    with open_client() as client:
        if promote is not None:
            found = client.traffic.promote(name, promote)
        elif abort:
            found = client.traffic.abort(name)
        elif any(ways) or sticky is not None or host:
            found = client.traffic.change(
                name,
                _numbers(shares) if shares else None,
                mirrors=_numbers(mirror) if mirror else None,
                default=default,
                sticky=None if sticky is None else _sticky(sticky),
                hosts=None if not host else [one for one in host if one != "none"],
                reason=reason,
            )
        else:
            found = client.traffic.show(name)
    output.result(found, lambda: _show(found))


def _numbers(given: list[str]) -> dict[int, float]:
    """'2=10' as {2: 10.0}."""
    found: dict[int, float] = {}
    for one in given:
        text, _, percent = one.partition("=")
        try:
            number, share = int(text), float(percent.removesuffix("%"))
        except ValueError as error:
            raise Misuse(f"'{one}' is not REVISION=PERCENT.", hint="For example: 1=90 2=10") from error
        if number in found:
            raise Misuse(f"Revision {number} is named twice.")
        found[number] = share
    return found


def _sticky(given: str) -> dict[str, str]:
    if given == "none":
        return {}
    kind, _, name = given.partition(":")
    if kind not in {"header", "cookie"} or not name:
        raise Misuse(f"'{given}' is not header:NAME, cookie:NAME or none.")
    return {kind: name}


def _show(found: "Traffic") -> None:
    output.rows(found["revisions"], COLUMNS)
    for kind, name in (found["sticky"] or {}).items():
        output.note(f"Requests with the same value of the {kind} {name} get the same revision.")
    if found["hosts"]:
        output.note(f"Answers under {', '.join(found['hosts'])}.")
