"""`slipway model profile`, `slipway service profile` and `slipway profile`: how much load something holds."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipway import output, progress, request_bodies, saving, text_files
from slipway.columns import Column, time_column
from slipway.commands import completion
from slipway.commands.nouns import Noun
from slipway.commands.options import Limit, ServiceName, Timeout, Wait, first, given, open_client
from slipway.errors import Misuse

if TYPE_CHECKING:
    from slipway.types import Profile

app = Noun(help="Profiles: how much load versions and services hold, and with which resources.")
Latency = Annotated[
    float | None, typer.Option("--latency-ms", help="The goal: p99 under so much. Left out: 100.", min=0.1)
]
Rate = Annotated[float | None, typer.Option("--rate", help="At so many requests a second. Left out: 50.", min=0.1)]
Seconds = Annotated[float | None, typer.Option("--seconds", help="How long to measure. Left out: 300.", min=10)]
Cpu = Annotated[
    float | None,
    typer.Option("--cpu", "--cpu-cores", "--cc", help="Most cores of all replicas. Left out: the machine's.", min=1),
]
Memory = Annotated[
    float | None,
    typer.Option("--memory-gb", "--memory", "--gb", help="Most memory of a replica in GB. Left out: 4.", min=0.1),
]
Replicas = Annotated[int | None, typer.Option("--replicas", help="Most replicas. Left out: one a core.", min=1)]
Target = Annotated[str, typer.Option("--target", help="Where to measure; left out: where it runs.")]
Data = Annotated[
    str, typer.Option("--input-data", "-d", help="The body of a request to send; left out: what the model takes.")
]
DataFile = Annotated[
    Path | None,
    typer.Option(
        "--input-file",
        metavar="PLACE",
        help="Bodies, sent in turn: lines of a file, a column of a .csv or .tsv, or the files of a folder.",
    ),
]
DataColumn = Annotated[
    str, typer.Option("--input-column", metavar="NAME", help="Of the table; left out where it has one alone.")
]
OutFile = Annotated[
    Path | None,
    typer.Option("--output-metadata-file", "-t", metavar="FILE", help="Write the result there with Azure's names."),
]
Which = Annotated[str, typer.Argument(metavar="PROFILE", help="A profile's number or name.")]
COLUMNS = (
    Column("profile", "id"),
    Column("name", "name"),
    Column("of", "subject"),
    Column("state", "state"),
    Column("p99 ms", lambda row: row["goal"].get("p99")),
    Column("requests/s", lambda row: row["goal"].get("rate")),
    time_column("asked for", "created_at"),
)


def profile_model(  # noqa: PLR0913, PLR0917 - a parameter for each option
    reference: Annotated[str, typer.Argument(metavar="NAME:VERSION", autocompletion=completion.versions)] = "",
    model: Annotated[str, typer.Option("--model", "-m", metavar="NAME:VERSION", help="The same, as Azure's.")] = "",
    name: Annotated[str, typer.Option("--name", "-n", help="Of the profile.")] = "",
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
    config: Annotated[
        str, typer.Option("--config", "--ic", metavar="NAME:VERSION", help="Inference config; left out: no code.")
    ] = "",
    latency_ms: Latency = None,
    rate: Rate = None,
    seconds: Seconds = None,
    cpu: Cpu = None,
    memory_gb: Memory = None,
    replicas: Replicas = None,
    target: Target = "",
    input_data: Data = "",
    input_file: DataFile = None,
    input_column: DataColumn = "",
    output_metadata_file: OutFile = None,
    wait: Wait = False,
    timeout: Timeout = 3600,
) -> None:
    """Measure a version apart from every service: the fewest cores that hold a goal."""
    if bool(reference) == bool(model):
        raise Misuse("Name a version, such as iris:1.")
    asked = given(model=reference or model, config=config, name=name, description=description, target=target)
    numbers = _numbers(latency_ms, rate, seconds, cpu, memory_gb, replicas)
    bodies = _requests(input_data, input_file, input_column)
    _run(asked | numbers | bodies, output_metadata_file, wait=wait, timeout=timeout)


def profile_service(  # noqa: PLR0913, PLR0917 - a parameter for each option
    service: ServiceName,
    revision: Annotated[int | None, typer.Option("--revision", help="Left out: the wanted one.", min=1)] = None,
    latency_ms: Latency = None,
    rate: Rate = None,
    seconds: Seconds = None,
    cpu: Cpu = None,
    memory_gb: Memory = None,
    replicas: Replicas = None,
    target: Target = "",
    input_data: Data = "",
    input_file: DataFile = None,
    input_column: DataColumn = "",
    output_metadata_file: OutFile = None,
    wait: Wait = False,
    timeout: Timeout = 3600,
) -> None:
    """Measure what a service runs, apart from it: the fewest cores that hold a goal."""
    asked = given(service=service, revision=revision, target=target)
    numbers = _numbers(latency_ms, rate, seconds, cpu, memory_gb, replicas)
    bodies = _requests(input_data, input_file, input_column)
    _run(asked | numbers | bodies, output_metadata_file, wait=wait, timeout=timeout)


@app.verb("slipway profile list --limit 10", name="list")
def list_(limit: Limit = 100) -> None:
    """List the profiles of the workspace, newest first."""
    with open_client() as client:
        rows = first(client.profiles.all(), limit)
    output.rows(rows, COLUMNS)


@app.verb("slipway profile show 12", "slipway profile show 12 --azure -o json")
def show(
    profile: Which, azure: Annotated[bool, typer.Option("--azure", help="With the names of Azure's fields.")] = False
) -> None:
    """Show a profile and what it recommends."""
    with open_client() as client:
        if azure:
            found = client.profiles.azure(profile)
            output.result(found, lambda: output.facts(found))
            return
        row = client.profiles.show(profile)
    output.result(row, lambda: _show(row))


@app.verb("slipway profile cancel 12")
def cancel(profile: Which) -> None:
    """Stop measuring; what was measured stays."""
    with open_client() as client:
        found = client.profiles.cancel(profile)
    output.done(dict(found), f"The profile of {found['subject']} is {found['state']}.")


@app.verb("slipway profile apply 12 --service iris")
def apply(
    profile: Which,
    service: Annotated[
        str, typer.Option("--service", help="Left out: the one that was measured.", autocompletion=completion.services)
    ] = "",
    reason: Annotated[str, typer.Option("--reason", help="Kept with the revision.")] = "",
) -> None:
    """Give a service what the profile recommends, as its next revision."""
    with open_client() as client:
        made = client.profiles.apply(profile, service, reason)
    output.done(made, f"{made['service']} gets revision {made['revision']}.")


def recommended(file: Path) -> dict[str, Any]:
    """`cpu` and `memory_gb` of a file that `--output-metadata-file` has written. Raises `Misuse`."""
    found = _json(file)
    options = {"cpu": found.get("recommendedCpu"), "memory_gb": found.get("recommendedMemoryInGB")}
    chosen = {name: value for name, value in options.items() if value is not None}
    if not chosen:
        raise Misuse(f"{file} recommends nothing.", hint="Name a file that `model profile -t FILE` has written.")
    return chosen


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(text_files.read(file))
    except ValueError as reason:
        raise Misuse(f"{file} is not JSON.") from reason
    return found if isinstance(found, dict) else {}


def _numbers(
    latency_ms: float | None,
    rate: float | None,
    seconds: float | None,
    cpu: float | None,
    memory_gb: float | None,
    replicas: int | None,
) -> dict[str, Any]:
    return given(latency_ms=latency_ms, rate=rate, seconds=seconds, cpu=cpu, memory_gb=memory_gb, replicas=replicas)


def _requests(body: str, place: Path | None, column: str) -> dict[str, Any]:
    if body and place:
        raise Misuse("Give --input-data or --input-file, not both.")
    if place:
        return {"requests": request_bodies.read(place, column)}
    return {"requests": [body]} if body else {}


def _run(asked: dict[str, Any], file: Path | None, *, wait: bool, timeout: float) -> None:
    with open_client() as client:
        made = client.profiles.create(**asked)
        if not wait and file is None:
            output.done(dict(made), f"Profile {made['id']} of {made['subject']} is under way.")
            return
        with progress.spinner(made["subject"]) as report:
            made = client.profiles.wait(made, timeout=timeout, on_look=lambda found: report(_step(found)))
        if file is not None:
            text = json.dumps(client.profiles.azure(made["id"]), indent=2)
            saving.save_texts(file.parent, {file.name: f"{text}\n"}, overwrite=True)
    output.result(made, lambda: _show(made))


def _step(found: "Profile") -> str:
    return f"waiting for {found['ahead']} others" if found["ahead"] else found["step"]


def _show(found: "Profile") -> None:
    result = found["result"] or {}
    for sentence in result.get("why", []):
        print(sentence)
    options = result.get("options") or {}
    batches = options.get("server", {}).get("batching", {}).get("rows")
    output.facts(
        {
            "profile": found["id"],
            "state": found["state"],
            "replicas": options.get("replicas"),
            "cpu": options.get("cpu"),
            "memory GB": options.get("memory_gb"),
            "batch rows": batches,
            "cold start s": found["cold_start_seconds"] and round(found["cold_start_seconds"], 2),
        }
    )
    if found["error"]:
        output.note(f"{found['error']['message']} {found['error'].get('hint', '')}".strip())
