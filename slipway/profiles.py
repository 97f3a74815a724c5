"""What the command line remembers: studios, their tokens and the workspace in use.

`~/.config/slipway/config.toml` (below XDG_CONFIG_HOME where that is set), readable by its owner only. SLIPWAY_URL,
SLIPWAY_TOKEN and SLIPWAY_WORKSPACE go before the file.
"""

import json
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.errors import Misuse, NotSignedIn


@dataclass
class Studio:
    """One studio: tokens by workspace, since a token is valid in one workspace."""

    workspace: str = ""
    tokens: dict[str, str] = field(default_factory=dict)
    made_here: list[str] = field(default_factory=list)  # workspaces whose token `slipway login` made with a password


@dataclass
class Profiles:
    """The whole file."""

    current: str = ""
    studios: dict[str, Studio] = field(default_factory=dict)


@dataclass(frozen=True)
class Login:
    """Where to go, and with what."""

    url: str
    token: str
    workspace: str


def config_file() -> Path:
    """Where the profiles lie."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "slipway" / "config.toml"


def read() -> Profiles:
    """The profiles; empty ones when there is no file. Raises `Misuse` for a file that is not ours."""
    path = config_file()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return Profiles(raw.get("current", ""), {url: Studio(**facts) for url, facts in raw.get("studios", {}).items()})
    except FileNotFoundError:
        return Profiles()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError, AttributeError, OSError) as reason:
        raise Misuse(f"{path} cannot be read: {reason}", hint="Correct or delete it, then sign in again.") from reason


def write(profiles: Profiles) -> None:
    """Replace the file at once, so that nobody ever reads half of it."""
    path = config_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(_as_toml(profiles))
            out.flush()
            os.fsync(out.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def remember(login: Login, *, made_here: bool = False) -> None:
    """Keep a token and make its studio and workspace the ones in use.

    `made_here`: the token was made for this command line alone, so that signing out revokes it.
    """
    profiles = read()
    studio = profiles.studios.setdefault(login.url, Studio())
    studio.tokens[login.workspace] = login.token
    studio.workspace = login.workspace
    studio.made_here = [name for name in studio.made_here if name != login.workspace]
    studio.made_here += [login.workspace] if made_here else []
    profiles.current = login.url
    write(profiles)


def forget(url: str) -> None:
    """Remove a studio and its tokens. Where it was the one in use, none is afterwards."""
    profiles = read()
    profiles.studios.pop(url, None)
    profiles.current = "" if profiles.current == url else profiles.current
    write(profiles)


def made_here(url: str) -> list[Login]:
    """The logins of a studio whose tokens were made for this command line alone."""
    studio = read().studios.get(url, Studio())
    return [Login(url, token, name) for name, token in studio.tokens.items() if name in studio.made_here]


def use_workspace(name: str) -> bool:
    """Make `name` the workspace in use; False when there is no token for it."""
    profiles = read()
    studio = profiles.studios.get(profiles.current)
    if studio is None or name not in studio.tokens:
        return False
    studio.workspace = name
    write(profiles)
    return True


def current() -> Login:
    """The login in use. Raises `NotSignedIn` when address, token or workspace is not known."""
    profiles, asked = read(), os.environ.get
    url = (asked("SLIPWAY_URL") or profiles.current).rstrip("/")
    studio = profiles.studios.get(url, Studio())
    workspace = asked("SLIPWAY_WORKSPACE") or studio.workspace
    token = asked("SLIPWAY_TOKEN") or studio.tokens.get(workspace, "")
    if url and token and workspace:
        return Login(url, token, workspace)
    missing = "not signed in" if not (url and token) else "without a workspace"
    raise NotSignedIn(
        f"You are {missing}.",
        hint="Run 'slipway login URL', or set SLIPWAY_URL, SLIPWAY_TOKEN and SLIPWAY_WORKSPACE.",
    )


def logins() -> list[Login]:
    """One login for each workspace of the studio in use that a token is known for."""
    used = current()
    studio = read().studios.get(used.url, Studio())
    others = [Login(used.url, token, workspace) for workspace, token in studio.tokens.items()]
    return [used, *(login for login in others if login.workspace != used.workspace)]


def _as_toml(profiles: Profiles) -> str:
    lines = [f"current = {_quoted(profiles.current)}"]
    for url, studio in profiles.studios.items():
        lines += ["", f"[studios.{_quoted(url)}]", f"workspace = {_quoted(studio.workspace)}"]
        lines += [f"made_here = {json.dumps(studio.made_here, ensure_ascii=False)}"] if studio.made_here else []
        lines += [f"tokens.{_quoted(workspace)} = {_quoted(token)}" for workspace, token in studio.tokens.items()]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are TOML's."""
    return json.dumps(text, ensure_ascii=False)


def as_dict(login: Login) -> dict[str, Any]:
    """A login without its token, for printing."""
    return {"url": login.url, "workspace": login.workspace}
