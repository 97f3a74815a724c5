"""Which folder each development service was deployed from, so that a reload need not name it. One small file beside the
profiles; without a place to write, nothing is remembered, and the folder has to be named."""

import contextlib
import json
import os
from pathlib import Path

from slipway import profiles

MOST = 200  # services; the oldest are forgotten


def remember_folder(login: profiles.Login, service: str, folder: Path) -> None:
    """Keep it for `folder_of`."""
    found = _read()
    key = _key(login, service)
    found.pop(key, None)
    found[key] = os.path.abspath(folder)
    _write(dict(list(found.items())[-MOST:]))


def folder_of(login: profiles.Login, service: str) -> Path | None:
    """The folder; None where it is not known."""
    found = _read().get(_key(login, service))
    return Path(found) if found else None


def _file() -> Path:
    return profiles.config_file().with_name("folders.json")


def _key(login: profiles.Login, service: str) -> str:
    return f"{login.url} {login.workspace} {service}"


def _read() -> dict[str, str]:
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}


def _write(found: dict[str, str]) -> None:
    """Replace the file at once, so that nobody ever reads half of it."""
    path = _file()
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.write_text(json.dumps(found, indent=1), encoding="utf-8")
        os.replace(draft, path)
