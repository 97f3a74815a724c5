"""The inference configs of a workspace from Python: `client.configs`."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from slipway import downloads
from slipway.calls import Calls
from slipway.defaults import INFERENCE_CONFIG, RUNTIME
from slipway.saving import refuse_existing, save_texts
from slipway.types import Config, ImportedConfig
from slipway.uploads import Progress, Uploader


class Configs:
    """How requests become predictions: an entry script with its files and environment. Versions never change.

    A reference is "name:number", "name:latest" or "name", which means the newest.
    """

    def __init__(self, calls: Calls, uploader: Uploader) -> None:
        self._calls, self._uploader = calls, uploader

    def all(self) -> Iterator[Config]:
        """All versions of all inference configs, by name."""
        return cast(Iterator[Config], self._calls.rows("configs"))

    def show(self, reference: str) -> Config:
        return cast(Config, self._calls.call("GET", _at(reference)))

    def create(
        self,
        name: str,
        entry_script: str,
        files: Mapping[str, Path],
        environment: str = RUNTIME,
        *,
        description: str = "",
        environment_variables: Mapping[str, str] | None = None,
    ) -> Config:
        """The next version of an inference config with an entry script. `files` by their paths among the sources.

        The default environment is the studio's own, which has NumPy and ONNX Runtime and needs no build.
        """
        facts = {"name": name, "kind": "entry_script", "entry_script": entry_script, "environment": environment}
        more = {"description": description, "environment_variables": dict(environment_variables or {})}
        return self._create(files, facts | {key: value for key, value in more.items() if value})

    def import_file(
        self, document: Mapping[str, Any] | str, conda: str = "", *, python_version: str = "", name: str = ""
    ) -> ImportedConfig:
        """What an inferenceconfig.json says, as `create` takes it; an environment that it describes is created.

        `conda` is the text of the conda file that it names; `python_version` replaces the file's, and `name` is that
        of an environment without one.
        """
        body = {"inferenceconfig": document, "conda": conda, "python_version": python_version, "name": name}
        return cast(ImportedConfig, self._calls.call("POST", "config-import", body))

    def update(
        self,
        reference: str,
        *,
        files: Mapping[str, Path] | None = None,
        entry_script: str = "",
        environment: str = "",
        description: str | None = None,
    ) -> Config:
        """The next version, which keeps what is not named. Files that are given take the place of all it has."""
        base = self.show(reference)
        changes: dict[str, Any] = {"entry_script": entry_script, "environment": environment}
        body = {"name": base["name"], "base": base["id"]} | {key: value for key, value in changes.items() if value}
        body |= {} if description is None else {"description": description}
        return self._create(files, body)

    def delete(self, reference: str) -> None:
        """Refused with 409 while a revision of a service uses it."""
        self._calls.call("DELETE", _at(reference))

    def export(self, reference: str) -> dict[str, Any]:
        """The content of an inferenceconfig.json that says the same."""
        return cast(dict[str, Any], self._calls.call("GET", f"{_at(reference)}/inferenceconfig"))

    def download(
        self, reference: str, target: str | Path, *, overwrite: bool = False, progress: Progress | None = None
    ) -> list[Path]:
        """Write its files and an inferenceconfig.json to a folder; their paths. `config create --file` reads them back.

        Raises `AlreadyThere` before anything is written.
        """
        config, folder = self.show(reference), Path(target)
        exported = json.dumps(self.export(config["id"]), indent=2, ensure_ascii=False) + "\n"
        refuse_existing([folder / INFERENCE_CONFIG], overwrite=overwrite)
        source = downloads.Source(config["id"], f"{self._calls.base}/{_at(config['id'])}", config["files"])
        files = downloads.download(self._calls.transport, source, folder, overwrite=overwrite, progress=progress)
        own = folder / INFERENCE_CONFIG in files  # one of the config's own files has that name
        return files if own else [*files, *save_texts(folder, {INFERENCE_CONFIG: exported}, overwrite=overwrite)]

    def _create(self, files: Mapping[str, Path] | None, facts: dict[str, Any]) -> Config:
        body = dict(facts)
        if files is not None:
            body["files"] = self._uploader.send_all(files)
        return cast(Config, self._calls.call("POST", "configs", body))


def _at(reference: str) -> str:
    return f"configs/{quote(reference)}"
