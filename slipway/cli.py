"""The command line: `slipway <noun> <verb>`.

Exit codes: 0 done, 1 the studio or the service says it failed, 2 wrong use, 3 not signed in or not allowed, 4 not
found, 5 conflict, 6 not in time, 7 the studio does not answer, 130 interrupted.
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import slipway
from slipway import output
from slipway.commands import (
    activity,
    admin,
    client_key,
    completion,
    config,
    device,
    environment,
    login,
    member,
    model,
    profiling,
    registry,
    service,
    target,
    token,
    upload,
    workspace,
)
from slipway.commands.nouns import add_verb
from slipway.errors import Interrupted, Misuse, SlipwayError

app = typer.Typer(
    name="slipway",
    help="Register models, deploy them as services, call and watch them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: drawing boxes would take longer than all the rest
    context_settings={"help_option_names": ["-h", "--help"]},
)
add_verb(
    app,
    "slipway login http://127.0.0.1:8000",
    'slipway login http://127.0.0.1:8000 --token "$TOKEN"',
    "slipway login http://127.0.0.1:8000 -u admin --password-stdin < password.txt",
)(login.login)
add_verb(app, "slipway logout", "slipway logout http://127.0.0.1:8000 --keep-valid")(login.logout)
app.add_typer(workspace.app, name="workspace")
app.add_typer(model.app, name="model")
app.add_typer(upload.app, name="upload")
app.add_typer(environment.app, name="environment")
app.add_typer(config.app, name="config")
app.add_typer(service.app, name="service")
app.add_typer(profiling.app, name="profile")
app.add_typer(client_key.app, name="client-key")
app.add_typer(target.app, name="target")
app.add_typer(device.app, name="device")
app.add_typer(registry.app, name="registry")
add_verb(
    app,
    "slipway activity --limit 10",
    "slipway activity --object iris --action service",
    "slipway activity --person bob -o json",
)(activity.activity)
app.add_typer(member.app, name="member")
app.add_typer(token.app, name="token")
app.add_typer(admin.app, name="admin")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"slipway {slipway.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Register models, deploy them as services, call and watch them."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    output.tolerate()
    output.choose()
    given = list(sys.argv[1:] if arguments is None else arguments)
    with output.readers_may_leave(), completion.bash_colons():
        sys.exit(_code_of(given))


def _code_of(given: list[str]) -> str | int | None:
    """Run the command and say what went wrong; the code to end with."""
    try:
        return _run(given)
    except SlipwayError as error:
        output.failure(error)
        if output.is_document():
            output.print_document({"error": error.as_dict()})
        return error.exit_code


def _run(given: list[str]) -> str | int | None:
    """Run the command; the code it ends with. Raises `SlipwayError`."""
    try:
        app(given, prog_name="slipway")  # completion scripts look for this name
    except SystemExit as end:
        if end.code == Interrupted.exit_code:
            raise Interrupted("Interrupted.") from None
        return end.code
    except KeyboardInterrupt:
        raise Interrupted("Interrupted.") from None
    except UnicodeEncodeError as wrong:
        raise Misuse(f"A name or value is no text that can be sent: {ascii(wrong.object)[:200]}") from wrong
    return 0
