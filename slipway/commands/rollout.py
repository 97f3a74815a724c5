"""`slipway service rollout`: have a revision take over step by step while guards watch it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from slipway import output
from slipway.columns import Column
from slipway.commands.durations import seconds_of
from slipway.commands.nouns import Noun
from slipway.commands.options import ServiceName, open_client
from slipway.errors import Misuse

if TYPE_CHECKING:
    from slipway.rollouts import RolloutsOfServices
    from slipway.types import Rollout, Standing

app = Noun(help="Rollouts: a revision takes over step by step, and goes back when a guard fires.")

VERDICTS = {"beyond": "beyond the limit", "good": "good", "unknown": "not enough data yet"}
COLUMNS = (
    Column("guard", "name"),
    Column("figure", lambda row: _amount(row, "figure")),
    Column("limit", lambda row: _amount(row, "limit")),
    Column("before", lambda row: _amount(row, "control")),
    Column("requests", "requests"),
    Column("verdict", lambda row: VERDICTS[row["verdict"]]),
)


@app.verb(
    "slipway service rollout start iris 2",
    "slipway service rollout start iris 2 --steps 10,50,100 --bake 10m --wait",
    "slipway service rollout start iris 2 --shadow 20 --guard errors --guard time --guard agreement",
)
def start(  # noqa: PLR0913, PLR0917 - a parameter for each option
    name: ServiceName,
    revision: Annotated[int, typer.Argument(help="The revision that takes over.")],
    steps: Annotated[
        str, typer.Option(help="Shares in per cent, such as 5,25,50,100, or with bakes of their own: 5:10m,100:1h.")
    ] = "5,25,50,100",
    bake: Annotated[str, typer.Option(help="How long each step is watched, such as 90s, 5m or 1h.")] = "5m",
    shadow: Annotated[
        str,
        typer.Option(help="First a step with copies of so many per cent of the requests, and no request itself."),
    ] = "",
    guard: Annotated[
        list[str] | None,
        typer.Option(
            help="errors, client_errors, time, event:event=NAME or, with --shadow, agreement; with limits of their "
            "own: time:ratio=1.5,quantile=0.99. May be repeated. Default: errors and time."
        ),
    ] = None,
    warm: Annotated[int, typer.Option(help="First requests of the revision whose times do not count.", min=0)] = 200,
    reason: Annotated[str, typer.Option(help="Why, for the activity list.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has ended or is held.")] = False,
) -> None:
    """Start a rollout. It advances and goes back by itself, whether anybody waits or not."""
    seconds = seconds_of(bake, "--bake 5m")
    copies = [{"percent": 0, "mirror_percent": one, "bake_seconds": baked} for one, baked in _steps(shadow, seconds)]
    shares = [{"percent": one, "bake_seconds": baked} for one, baked in _steps(steps, seconds)]
    guards = [_guard(one) for one in guard] if guard else None
    with open_client() as client:
        found = client.rollouts.start(
            name, revision, steps=[*copies, *shares], guards=guards, warm_requests=warm, reason=reason
        )
        if wait:
            found = client.rollouts.wait(name)
    output.result(found, lambda: _show(found))
    if wait and found["phase"] != "done":
        raise typer.Exit(1)


@app.verb("slipway service rollout show iris")
def show(name: ServiceName) -> None:
    """Show the rollout that is under way, or the last one."""
    _print_after(lambda rollouts: rollouts.show(name))


@app.verb("slipway service rollout pause iris")
def pause(name: ServiceName) -> None:
    """Have the clock stand. Guards watch on, and may roll back."""
    _print_after(lambda rollouts: rollouts.pause(name))


@app.verb("slipway service rollout resume iris")
def resume(name: ServiceName) -> None:
    """Go on after a pause; a step that is held gets its time once more."""
    _print_after(lambda rollouts: rollouts.resume(name))


@app.verb("slipway service rollout advance iris")
def advance(name: ServiceName) -> None:
    """Go to the next step now, whatever the present one has shown."""
    _print_after(lambda rollouts: rollouts.advance(name))


@app.verb("slipway service rollout abort iris")
def abort(name: ServiceName) -> None:
    """Give all requests back to the revision before, at once."""
    _print_after(lambda rollouts: rollouts.abort(name))


def _print_after(call: "Callable[[RolloutsOfServices], Rollout]") -> None:
    """Print the rollout that the call gives."""
    with open_client() as client:
        found = call(client.rollouts)
    output.result(found, lambda: _show(found))


def _amount(row: "Standing", key: Literal["figure", "limit", "control"]) -> str:
    """'0.42 %'; a dash where too little was seen."""
    amount = row[key]
    return "–" if amount is None else f"{amount:.3g} {row['unit']}"


def _steps(given: str, bake: float) -> list[tuple[float, float]]:
    """'5:10m,25' as per cent and seconds of each; those without a bake of their own are watched for `bake`."""
    found = []
    for part in filter(None, given.split(",")):
        percent, _, own = part.strip().partition(":")
        try:
            found.append((float(percent.removesuffix("%")), seconds_of(own, "--bake 5m") if own else bake))
        except ValueError as error:
            raise Misuse(f"'{given}' is no list of percentages.", hint="For example: --steps 5,25,50,100") from error
    return found


def _guard(given: str) -> dict[str, Any]:
    """'time:ratio=1.5,quantile=0.99' as REST takes it."""
    kind, _, limits = given.partition(":")
    found: dict[str, Any] = {"kind": kind}
    for one in filter(None, limits.split(",")):
        name, _, value = one.partition("=")
        try:
            found[name.strip()] = value if name in {"metric", "event", "better"} else float(value)
        except ValueError as error:
            raise Misuse(f"'{one}' is no limit of a guard.", hint="For example: --guard errors:ratio=1.5") from error
    return found


def _show(found: "Rollout") -> None:
    output.facts(
        {
            "revision": f"{found['revision']} instead of {found['control']}",
            "phase": found["phase"].replace("_", " ") + (", paused" if found["paused"] else ""),
            "step": f"{found['step']} of {len(found['steps'])}" if found["step"] else "",
            "traffic": f"{found['percent']:g} %",
            "why": found["why"],
            "warning": found["warning"],
        }
    )
    if found["guards"]:
        output.rows(found["guards"], COLUMNS)
