"""`slipway service scale`: show or change how many replicas a service has."""

from typing import TYPE_CHECKING, Annotated

import typer

from slipway import output, wording
from slipway.commands.options import ServiceName, open_client
from slipway.errors import Misuse

if TYPE_CHECKING:
    from slipway.types import Scaling


def scale(  # noqa: PLR0913, PLR0917 - a parameter for each option
    name: ServiceName,
    replicas: Annotated[int | None, typer.Option(help="A fixed number.", min=1)] = None,
    least: Annotated[int | None, typer.Option("--min", help="Fewest replicas; 0 lets it sleep.", min=0)] = None,
    most: Annotated[int | None, typer.Option("--max", help="Most replicas: it scales by its load.", min=1)] = None,
    target: Annotated[
        int | None, typer.Option("--target-utilization", help="Per cent of the time that replicas are busy.", min=1)
    ] = None,
    idle: Annotated[
        int | None, typer.Option("--sleep-after", help="Seconds without a request after which it sleeps.", min=1)
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Back to what its revisions say.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the activity list.")] = "",
) -> None:
    """Show how many replicas a service has, or change it, without a new revision.

    What is set counts for all its revisions, until a deployment names others.
    """
    figures = {
        "replicas": replicas,
        "min_replicas": least,
        "max_replicas": most,
        "target_utilization": target,
        "idle_seconds": idle,
    }
    given = {figure: value for figure, value in figures.items() if value is not None}
    if reset and given:
        raise Misuse("Give figures or --reset, not both.")
    with open_client() as client:
        found = client.scale(name, given, reset=reset, reason=reason) if given or reset else client.scaling(name)
    output.result(found, lambda: _show(found))


def _show(found: "Scaling") -> None:
    rows = found["replicas"]
    output.facts(
        {
            "scaling": found["summary"] + (" (set above the revisions)" if found["overridden"] else ""),
            **{f"revision {row['revision']}": _number(row["replicas"]) for row in rows},
            "last change": wording.when(found["changed_at"]) if found["changed_at"] else None,
            "why": found["why"] or None,
        }
    )


def _number(replicas: int) -> str:
    return "asleep" if not replicas else f"{replicas} replica{'' if replicas == 1 else 's'}"
