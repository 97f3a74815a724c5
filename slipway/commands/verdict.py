"""`slipway service verdict`: which of two revisions is better for users, by outcomes told later."""

from typing import TYPE_CHECKING, Annotated

import typer

from slipway import output
from slipway.columns import Column
from slipway.commands.durations import seconds_of
from slipway.commands.options import ServiceName, open_client

if TYPE_CHECKING:
    from slipway.types import Verdict

COLUMNS = (
    Column("revision", "revision"),
    Column("users", "users"),
    Column("with outcome", "events"),
    Column("mean", lambda row: "" if row["mean"] is None else f"{row['mean']:.4g}"),
)
WORDS = {
    "split_wrong": "users did not come in the shares that they should have: nothing can be said",
    "not_enough_data": "not enough data yet",
    "better": "better",
    "better_but_little": "better, by less than matters",
    "worse": "worse",
    "no_difference": "no difference that matters",
}


def show(
    name: ServiceName,
    outcome: Annotated[str, typer.Option("--name", help="Name of the outcome.")] = "outcome",
    matters: Annotated[float, typer.Option(help="The smallest difference that does.")] = 0.02,
    wait: Annotated[str, typer.Option(help="How long outcomes may take, such as 12h or 3d.")] = "1d",
    days: Annotated[int, typer.Option(help="That it must have gone on; 7 where traffic has weeks.", min=1)] = 1,
    revision: Annotated[int | None, typer.Option(help="Compared with the default one.", min=1)] = None,
) -> None:
    """Say which of two revisions is better for users. Looking often does no harm."""
    wait_seconds = int(seconds_of(wait, "--wait 12h"))
    with open_client() as client:
        found = client.outcomes.verdict(
            name, name=outcome, matters=matters, wait_seconds=wait_seconds, days=days, revision=revision
        )
    output.result(found, lambda: _show(found))


def _show(found: "Verdict") -> None:
    difference = "–"
    if found["difference"] is not None and found["half_width"] is not None:
        difference = f"{found['difference']:+.4g} ± {found['half_width']:.2g}"
    output.facts(
        {
            "outcome": found["name"],
            "verdict": f"revision {found['candidate']['revision']}: {WORDS[found['verdict']]}",
            "difference": difference,
            "users needed": f"{found['users_needed']:,} of each" if found["users_needed"] else "",
            "days": f"{found['days']:.1f}, at least {found['days_needed']}",
        }
    )
    output.rows([found["control"], found["candidate"]], COLUMNS)
