"""`slipway service deploy --dev` and `reload`: run a folder as it is, send what changes in it, watch what it prints."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipway import output, profiles, remembered, watching
from slipway.commands import code_options, deploying
from slipway.commands.options import ServiceName, Timeout, Wait, given, open_client
from slipway.commands.sources import Script
from slipway.errors import Misuse, SlipwayError

if TYPE_CHECKING:
    from slipway.client import Client
    from slipway.types import Service

FOLLOW_SECONDS = 1.0

Dev = Annotated[
    bool | None,
    typer.Option(
        "--dev/--no-dev",
        help="Run the folder of --source-dir as it is, and register nothing. This is so where --source-dir comes "
        "with --target, or without --entry-script.",
    ),
]
Attach = Annotated[bool, typer.Option("--attach", help="Then show what the service writes, until Ctrl-C.")]
Watch = Annotated[bool, typer.Option("--watch", help="Then reload whenever a file changes, until Ctrl-C.")]


@dataclass(frozen=True)
class After:
    """What the command does once the service is up."""

    attach: bool = False
    watch: bool = False

    def __bool__(self) -> bool:
        return self.attach or self.watch

    def check(self) -> None:
        """Raises `Misuse` where the output is to be one document."""
        if self and output.is_document():
            raise Misuse(
                "--attach and --watch never end, so that there is no one document.", hint="Leave them or -o out."
            )


def is_meant(dev: bool | None, code: deploying.Code, target: str | None) -> bool:
    """Whether a folder is to be run as it is. Raises `Misuse` where there is none, or more than that is given."""
    if dev is None:
        alone = not (code.config or code.inference_file)
        return bool(code.source_dir and alone and (target or not code.entry_script))
    if dev and (code.config or code.inference_file):
        raise Misuse("--dev runs a folder: --config and --inference-config do not go with it.")
    if dev and not code.source_dir:
        raise Misuse("--dev runs a folder: add --source-dir DIR.")
    return dev


def deploy(
    name: str, models: list[str], code: deploying.Code, facts: dict[str, Any], timeout: float | None, after: After
) -> None:
    """Deploy a folder, and do what comes after."""
    after.check()
    folder = code.source_dir or Path()
    with open_client() as client:
        service = client.development.deploy(name, folder, models, source=source_of(code), **facts)
        name = service["name"]
        remembered.remember_folder(profiles.current(), name, folder)
        deploying.print_warnings(service)
        output.note(f"Deploying {name} from {folder}: a development service, of which nothing is registered.")
        if timeout or after:
            service = _wait(client, name, timeout or 900.0, after)
        output.result(service, lambda: deploying.show(service))
        if after:
            stay(client, name, folder, timeout or 900.0, after)


def source_of(code: deploying.Code) -> dict[str, Any]:
    """What the options say of the folder's script."""
    if code.requirements and code.environment:
        raise Misuse("Give one of --requirements and --environment.")
    script = Script("", None, code.requirements)
    return given(
        entry_script=code.entry_script,
        environment=code.environment,
        requirements=script.lines(),
        python_version=code.python_version,
    )


def reload(  # noqa: PLR0913, PLR0917 - a parameter for each option
    name: ServiceName,
    source_dir: code_options.SourceDir = None,
    entry_script: code_options.EntryScript = None,
    requirements: code_options.Requirements = None,
    environment: code_options.EnvironmentName = "",
    watch: Watch = False,
    attach: Attach = False,
    wait: Wait = False,
    timeout: Timeout = 900,
) -> None:
    """Send what has changed in the folder of a development service, and start it again with that.

    The service goes on answering meanwhile. What does not start, such as a script with a mistake, leaves it as it was.
    Without --source-dir the folder is the one that it was deployed from here.
    """
    after = After(attach, watch)
    after.check()
    folder = source_dir or remembered.folder_of(profiles.current(), name)
    if folder is None:
        raise Misuse(f"From which folder {name} was deployed is not known here.", hint="Name it: --source-dir DIR.")
    code = deploying.Code(entry_script=entry_script, environment=environment, requirements=requirements)
    source = source_of(code)
    with open_client() as client:
        service = send_changes(client, name, folder, source)
        remembered.remember_folder(profiles.current(), name, folder)
        if wait or after:
            service = _wait(client, name, timeout, after)
        output.done(service, f"{name} is {service['state']}." if wait or after else f"Reloading {name}.")
        if after:
            stay(client, name, folder, timeout, after)


def send_changes(client: "Client", name: str, folder: Path, source: dict[str, Any] | None = None) -> "Service":
    """Reload the service with what differs in the folder."""
    changes = client.development.changes(name, folder)
    output.note(f"Reloading {name}: {changes}.")
    return client.development.reload(name, changes, source=source)


def stay(client: "Client", name: str, folder: Path, timeout: float, after: After) -> None:
    """Print the log and reload on changes, as asked, until Ctrl-C. A reload that fails is told, and nothing ends."""
    output.note("Ctrl-C ends this; the service goes on.")
    log = watching.LogReader(client, name) if after.attach else None
    ticks = watching.changes_in(folder, FOLLOW_SECONDS) if after.watch else watching.ticks(FOLLOW_SECONDS)
    for changed in ticks:
        if changed:
            _reload(client, name, folder, timeout)
            if log:
                log.restart()
        if log:
            output.stream(log.read())


def _reload(client: "Client", name: str, folder: Path, timeout: float) -> None:
    try:
        if not client.development.changes(name, folder):
            return
        send_changes(client, name, folder)
        service = deploying.wait_healthy(client, name, timeout)
        output.note(f"{name} is {service['state']}.")
    except SlipwayError as error:
        output.failure(error)


def _wait(client: "Client", name: str, timeout: float, after: After) -> "Service":
    """Wait for Healthy. Who watches goes on where it fails: the next change may mend it."""
    try:
        return deploying.wait_healthy(client, name, timeout)
    except SlipwayError as error:
        if not after.watch:
            raise
        output.failure(error)
        return client.service(name)
