"""The environments of a workspace from Python: `client.environments`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Unpack, cast
from urllib.parse import quote

from slipway.calls import Calls
from slipway.saving import save_texts
from slipway.types import Environment, FurtherDefinition
from slipway.uploads import Uploader


class Environments:
    """What entry scripts run in: a Python version and pip requirements. Versions never change.

    A reference is "name:number", "name:latest" or "name", which means the newest.
    """

    def __init__(self, calls: Calls, uploader: Uploader) -> None:
        self._calls, self._uploader = calls, uploader

    def all(self) -> Iterator[Environment]:
        """All versions of all environments, by name."""
        return cast(Iterator[Environment], self._calls.rows("environments"))

    def show(self, reference: str) -> Environment:
        return cast(Environment, self._calls.call("GET", _at(reference)))

    def create(
        self,
        name: str,
        requirements: list[str] | None = None,
        *,
        conda: str = "",
        python_version: str = "",
        wheels: Sequence[Path] = (),
        **further: Unpack[FurtherDefinition],
    ) -> Environment:
        """The next version of an environment, or the newest where that is defined the same already.

        `requirements` are the lines of a requirements file; `conda` is the text of a conda file with a pip section;
        `wheels` are private ones, which are uploaded.
        """
        given: dict[str, Any] = {"conda": conda, "python_version": python_version, **further}
        body = {"name": name} | {field: value for field, value in given.items() if value}
        if not conda and (requirements is not None or not {"base", "definition"} & set(body)):
            body["requirements"] = requirements or []
        if wheels:
            body["wheels"] = self._uploader.send_all({file.name: file for file in wheels})
        return cast(Environment, self._calls.call("POST", "environments", body))

    def clone(self, reference: str, name: str) -> Environment:
        """The same under another name; its first version there."""
        return self.create(name, base=reference)

    def delete(self, reference: str) -> None:
        """Refused with 409 while an inference config uses it."""
        self._calls.call("DELETE", _at(reference))

    def log(self, reference: str) -> str:
        """The end of the log of the newest attempt to build it; empty where there was none."""
        return str(self._calls.call("GET", f"{_at(reference)}/log")["text"])

    def download(self, reference: str, target: str | Path, *, overwrite: bool = False) -> list[Path]:
        """Write its definition and, once it is resolved, its lock to a folder; their paths.

        `requirements.txt` is the definition, `conda.yml` the same as a conda file, `requirements.lock` the exact
        versions with their hashes; `Dockerfile` and `docker-steps.txt` are written where it has them. Raises
        `AlreadyThere` before anything is written.
        """
        return save_texts(Path(target), files_of(self.show(reference)), overwrite=overwrite)


def files_of(environment: Environment) -> dict[str, str]:
    """The texts that define an environment, by file name."""
    import yaml  # loaded by those who ask for it

    pip, solved = environment["requirements"], environment.get("conda", {})
    python = [f"python={environment['python_version']}", "pip"]
    conda = {
        "name": environment["name"],
        "channels": solved.get("channels") or ["conda-forge"],
        "dependencies": [*python, *solved.get("dependencies", []), {"pip": pip}],
    }
    files = {
        "requirements.txt": "".join(f"{line}\n" for line in pip),
        "conda.yml": yaml.safe_dump(conda, sort_keys=False),
    }
    if steps := environment.get("docker_steps", []):
        files["docker-steps.txt"] = "".join(f"{step}\n" for step in steps)
    if dockerfile := environment.get("dockerfile", ""):
        files["Dockerfile"] = dockerfile
    return files | ({"requirements.lock": environment["lock"]} if environment["lock"] else {})


def _at(reference: str) -> str:
    return f"environments/{quote(reference)}"
