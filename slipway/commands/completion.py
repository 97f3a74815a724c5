"""Names that a shell completes, asked from the studio. Whatever goes wrong, nothing is proposed."""

import io
import os
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager, redirect_stdout
from itertools import islice
from typing import TYPE_CHECKING, Any

from slipway.errors import SlipwayError

if TYPE_CHECKING:
    from slipway.client import Client

SECONDS = 2  # that a person who has pressed the Tab key waits at most for one answer
MOST = 500  # names that are proposed
SHELL_ASKS = "_SLIPWAY_COMPLETE"  # environment variable of typer's completion scripts

Names = Callable[["Client"], Iterable[str]]


def models(incomplete: str) -> list[str]:
    return _proposed(lambda client: (model["name"] for model in client.models(sort="name")), incomplete)


def versions(incomplete: str) -> list[str]:
    """Names of models; behind a colon, versions of the one that stands before it."""
    name, colon, _ = incomplete.partition(":")
    if not colon:
        return models(incomplete)
    return _proposed(lambda client: (version["id"] for version in client.model_versions(name)), incomplete)


def services(incomplete: str) -> list[str]:
    return _proposed(lambda client: (service["name"] for service in client.services()), incomplete)


def environments(incomplete: str) -> list[str]:
    return _proposed(lambda client: _numbered(client.environments.all(), incomplete), incomplete)


def configs(incomplete: str) -> list[str]:
    return _proposed(lambda client: _numbered(client.configs.all(), incomplete), incomplete)


def targets(incomplete: str) -> list[str]:
    return _proposed(lambda client: (target["name"] for target in client.targets.all()), incomplete)


def target_kinds(incomplete: str) -> list[str]:
    return _proposed(lambda client: (kind["kind"] for kind in client.targets.kinds()), incomplete)


def members(incomplete: str) -> list[str]:
    return _proposed(lambda client: (member["username"] for member in client.members.all()), incomplete)


def workspaces(incomplete: str) -> list[str]:
    """Those that somebody is signed in to; the studio is not asked."""
    from slipway import profiles

    try:
        return [login.workspace for login in profiles.logins() if login.workspace.startswith(incomplete)]
    except SlipwayError:
        return []


def _numbered(rows: Iterable[Any], incomplete: str) -> Iterable[str]:
    """Names, each once; once a colon is written, names with versions."""
    if ":" in incomplete:
        return (row["id"] for row in rows)
    return dict.fromkeys(row["name"] for row in rows)


def _proposed(names: Names, incomplete: str) -> list[str]:
    from slipway import profiles
    from slipway.client import Client  # loads the HTTP library

    try:
        login = profiles.current()
        with Client(login.url, login.token, login.workspace, timeout=SECONDS, retries=0) as client:
            return list(islice((name for name in names(client) if name.startswith(incomplete)), MOST))
    except (SlipwayError, KeyError, TypeError, ValueError):  # no answer, or one that is not the studio's
        return []


@contextmanager
def bash_colons(environ: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """While bash asks for completions: words that it has split at colons are whole for us, and answers fit its split.

    For bash, `iris:1` is three words, of which it replaces the last.
    """
    if environ.get(SHELL_ASKS) != "complete_bash" or ":" not in environ.get("COMP_WORDS", ""):
        yield
        return
    words, at = _joined(environ["COMP_WORDS"].split("\n"), int(environ["COMP_CWORD"]))
    environ.update(COMP_WORDS="\n".join(words), COMP_CWORD=str(at))
    before = words[at].rpartition(":") if at < len(words) else ("", "", "")
    answer = io.StringIO()
    try:
        with redirect_stdout(answer):
            yield
    finally:
        for line in answer.getvalue().splitlines():
            print(line.removeprefix("".join(before[:2])))


def _joined(words: list[str], at: int) -> tuple[list[str], int]:
    """The words with those on both sides of a lone colon joined by it, and the place of word number `at` then."""
    joined: list[str] = []
    place = 0
    for index, word in enumerate(words):
        if joined and (word == ":" or joined[-1].endswith(":")):
            joined[-1] += word
        else:
            joined.append(word)
        if index <= at:
            place = len(joined) - 1
    return joined, place
