"""Secrets that come as environment variables, and how they leave the environment.

The kernel shows the environment that a program was started with for as long as it runs. So a program that was given
secrets there hands them to itself in a file in memory and starts again without them; what it forks inherits neither.
`DATABASE_URL_FILE=/run/secrets/database` names a file that holds the secret instead, for each of `SECRETS`.
"""

import json
import os
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path

SECRETS = (
    "SLIPWAY_ADMIN_PASSWORD",
    "SLIPWAY_SECRET_KEY",
    "SLIPWAY_ENCRYPTION_KEYS",
    "DATABASE_URL",
    "REDIS_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
)
HANDED_OVER = "SLIPWAY_SECRETS_FD"  # the descriptor of the file in memory
CAN_HIDE = sys.platform == "linux"


def start_without_secrets() -> None:
    """Start this program again if secrets stand in its environment. Call it before anything else is done."""
    if CAN_HIDE and secrets_in(os.environ):
        environment, descriptor = hand_over(os.environ)
        os.set_inheritable(descriptor, True)
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606 - this very program


def restore(environment: MutableMapping[str, str]) -> None:
    """Put the secrets that were handed over, or lie in the files that variables name, into `environment`.

    Raises `ValueError` for a file that cannot be read, and where a secret and its file are both given.
    """
    given = secrets_in(environment)
    found = _handed_over(environment)
    for name in SECRETS:
        if (path := environment.get(f"{name}_FILE")) and name not in found:
            if name in given:
                raise ValueError(f"{name} and {name}_FILE are both set; set one of them.")
            found[name] = _read(f"{name}_FILE", path)
    environment.update(found)


def hand_over(environment: Mapping[str, str]) -> tuple[dict[str, str], int]:
    """An environment for a program that calls `restore`, and the descriptor that it has to inherit; the caller closes
    its own. Elsewhere than on Linux the environment itself, and no descriptor (-1)."""
    secrets = secrets_in(environment)
    if not CAN_HIDE or not secrets:
        return dict(environment), -1
    descriptor = os.memfd_create("secrets")
    os.write(descriptor, json.dumps(secrets).encode())
    return without_secrets(environment) | {HANDED_OVER: str(descriptor)}, descriptor


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in SECRETS}


def secrets_in(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[name] for name in SECRETS if name in environment}


def _handed_over(environment: MutableMapping[str, str]) -> dict[str, str]:
    descriptor = int(environment.pop(HANDED_OVER, "-1"))
    if descriptor < 0:
        return {}
    with open(descriptor, "rb") as file:
        file.seek(0)
        found: dict[str, str] = json.load(file)
    return found


def _read(name: str, path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as reason:
        raise ValueError(f"{name} names {path}, which cannot be read: {reason}") from reason
