"""Development services from Python: `client.development`. They run the files of a folder; nothing is registered."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from slipway import folders
from slipway.calls import Calls
from slipway.errors import Misuse
from slipway.types import Service, ServiceSource
from slipway.uploads import Uploader


@dataclass(frozen=True)
class Changes:
    """What differs between a folder and the files that a service runs; `base` is the revision that runs them."""

    base: int
    sent: dict[str, Path] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.sent or self.removed)

    def __str__(self) -> str:
        names = [*self.sent, *(f"without {path}" for path in self.removed)]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        return f"{', '.join(names[:5])}{more}" if names else "no file has changed"


class Development:
    """Deploy a folder as it is, and send what changes in it."""

    def __init__(self, calls: Calls, uploader: Uploader) -> None:
        self._calls, self._uploader = calls, uploader

    def deploy(
        self,
        name: str,
        folder: str | Path,
        models: Sequence[str] = (),
        *,
        source: Mapping[str, Any] | None = None,
        **facts: Any,
    ) -> Service:
        """Run the folder's entry script. `models` are registered versions, which it need not have: files of the folder
        are found beside the script.

        `source`: entry_script (else score.py or main.py), environment_variables, and environment ("name:number") or
        requirements (lines) with python_version.
        `facts`: description, deployment_config, overwrite, target, reason.
        """
        files = self._uploader.send_all(_files_of(folder))
        body = {"name": name, "models": list(models), "source": {**(source or {}), "files": files}} | facts
        return cast(Service, self._calls.call("POST", "services", body))

    def source(self, name: str) -> ServiceSource:
        """The files that the service runs, with their digests. Refused with 409 for other services."""
        return cast(ServiceSource, self._calls.call("GET", f"services/{quote(name)}/source"))

    def changes(self, name: str, folder: str | Path) -> Changes:
        """What differs in the folder from what the service runs."""
        source = self.source(name)
        known = {file["path"]: file["sha256"] for file in source["files"]}
        files = _files_of(folder)
        sent = {path: file for path, file in files.items() if known.get(path) != _digest_of(file)}
        return Changes(source["revision"], sent, sorted(known.keys() - files.keys()))

    def reload(self, name: str, changes: Changes, *, source: Mapping[str, Any] | None = None) -> Service:
        """Run the changed files; what does not start leaves the service as it was.

        `source`: what `deploy` takes there, where it changes.
        """
        files = self._uploader.send_all(changes.sent)
        body = {**(source or {}), "base": changes.base, "files": files, "removed": changes.removed}
        return cast(Service, self._calls.call("POST", f"services/{quote(name)}/reload", body))


def _files_of(folder: str | Path) -> dict[str, Path]:
    place = Path(folder)
    if not place.is_dir():
        raise Misuse(f"There is no folder {folder}.")
    return folders.files_below(place, folders.NOT_SOURCE)


def _digest_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as reason:
        raise Misuse(f"{file} cannot be read: {reason.strerror or reason}") from reason
