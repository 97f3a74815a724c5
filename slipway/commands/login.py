"""`slipway login` and `logout`: get a token and remember it, forget it again."""

import sys
from getpass import getpass
from typing import Annotated, Any

import typer

from slipway import output, profiles
from slipway.errors import Interrupted, Misuse, NotSignedIn, SlipwayApiError, Unreachable


def login(
    url: Annotated[str, typer.Argument(metavar="URL", help="Address of the studio, as the browser shows it.")],
    token: Annotated[str | None, typer.Option(help="A token made under Settings → Tokens.")] = None,
    username: Annotated[str | None, typer.Option("--username", "-u", help="Sign in by name and password.")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
    workspace: Annotated[str, typer.Option("--workspace", "-w", help="Workspace, if you have several.")] = "",
) -> None:
    """Sign in to a studio and remember it.

    With neither --token nor --username, asks on a terminal.
    """
    from slipway.transport import normal_url  # loads the HTTP library

    url = normal_url(url)
    who = _with_token(url, token, workspace) if token else _with_password(url, username, password_stdin, workspace)
    profiles.remember(profiles.Login(url, who["token"], who["workspace"]), made_here=token is None)
    document = {"url": url} | {key: value for key, value in who.items() if key != "token"}
    sentence = f"Signed in to {url} as {who['username']}, workspace {who['workspace']}."
    output.done(document, sentence)


def logout(
    url: Annotated[
        str | None, typer.Argument(metavar="URL", help="The studio to sign out of; by default the one in use.")
    ] = None,
    keep_valid: Annotated[
        bool, typer.Option("--keep-valid", help="Revoke nothing: tokens made from here go on working.")
    ] = False,
) -> None:
    """Sign out of a studio and forget its tokens.

    Those that `slipway login` made with a password are revoked, and with them what `slipway token create` made from
    here. Tokens that were passed with --token stay valid: something else may use them.
    """
    from slipway.transport import normal_url  # loads the HTTP library

    known = profiles.read()
    studio = normal_url(url) if url else known.current
    if studio not in known.studios:
        raise NotSignedIn(f"You are not signed in to {studio or 'a studio'}.")
    for login in [] if keep_valid else profiles.made_here(studio):
        _revoke(login)
    profiles.forget(studio)
    output.done({"url": studio}, f"Signed out of {studio}.")


def _revoke(login: profiles.Login) -> None:
    from slipway.client import Client  # loads the HTTP library

    try:
        with Client(login.url, login.token, login.workspace, timeout=10, retries=0) as client:
            client.sign_out()
    except SlipwayApiError as error:
        if error.status != 401:  # it has expired, or is revoked already
            output.note(f"The token of {login.workspace} was not revoked: {error.message}")
    except Unreachable as error:
        output.note(
            f"The token of {login.workspace} was not revoked, and stays valid until it expires: {error.message}"
        )


def _with_token(url: str, token: str, workspace: str) -> dict[str, Any]:
    from slipway.client import Client  # loads the HTTP library

    with Client(url, token) as client:
        me = client.me()
    valid = [str(row["slug"]) for row in me["workspaces"]]
    found = workspace or valid[0]
    if found not in valid:
        raise Misuse(f"This token is valid in {valid[0]}, not in {found}.", hint=f"Make one in {found}.")
    return {"token": token, "workspace": found, "username": me["username"]}


def _with_password(url: str, username: str | None, from_stdin: bool, workspace: str) -> dict[str, Any]:
    from slipway.client import Client  # loads the HTTP library

    if from_stdin and not username:
        raise Misuse("--password-stdin needs --username.")
    username = username or _ask("Username")
    password = _from_stdin() if from_stdin else _ask("Password", hide=True)
    with Client(url) as client:
        answer = client.sign_in(username, password, workspace)
    return answer | {"username": username}


def _from_stdin() -> str:
    """The first line, which is UTF-8 whatever the locale."""
    try:
        return sys.stdin.buffer.readline().rstrip(b"\r\n").decode()
    except UnicodeDecodeError as reason:
        raise Misuse("The password on standard input is not UTF-8.") from reason


def _ask(what: str, *, hide: bool = False) -> str:
    if not sys.stdin.isatty():
        raise Misuse(
            "There is no terminal to ask on.",
            hint="Give --token, or --username with --password-stdin and the password.",
        )
    if hide:
        # Turns the echo off before it asks: typer's own prompt asks first, and throws away what is typed meanwhile.
        return getpass(f"{what}: ")
    try:
        return str(typer.prompt(what, err=True))
    except typer.Abort:
        raise Interrupted("Interrupted.") from None
