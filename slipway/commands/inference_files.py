"""Azure's inferenceconfig.json on the command line: the files that it names, and the config that comes of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway import documents, output, text_files
from slipway.commands.sources import Script
from slipway.defaults import INFERENCE_CONFIG, RUNTIME
from slipway.errors import Misuse

if TYPE_CHECKING:
    from slipway.client import Client
    from slipway.types import Config

ENVIRONMENT_FILE = "azureml_environment.json"


@dataclass(frozen=True)
class InferenceFile:
    """The document, and the folder of the file that it comes from, to which its paths are relative."""

    document: dict[str, Any]
    folder: Path
    environment: str = ""  # NAME:VERSION, for a document that describes none
    python_version: str = ""  # in place of the document's

    @property
    def script(self) -> Script:
        """The entry script with the files beside it. Raises `Misuse`."""
        entry, source = self.document.get("entryScript"), self.document.get("sourceDirectory")
        if not isinstance(entry, str) or not entry:
            raise Misuse("The inference config names no entryScript.")
        if source is not None and not isinstance(source, str):
            raise Misuse("The inference config's sourceDirectory must be a text.")
        if source:
            return Script(entry, self._place(source, "sourceDirectory"))
        return Script(str(self._place(entry, "entryScript")))

    def files(self) -> dict[str, Path]:
        """What goes into the config, by path: all but an inferenceconfig.json, which `config download` writes there.

        Raises `Misuse`.
        """
        return {path: file for path, file in self.script.files().items() if path != INFERENCE_CONFIG}

    def conda(self) -> str:
        """The text of the conda file that the document names; empty where it names none. Raises `Misuse`."""
        python = _object(_object(self.document.get("environment")).get("python"))
        named = self.document.get("condaFile") or python.get("condaDependenciesFile")
        return text_files.read(self._place(str(named), "condaFile")) if named else ""

    def with_texts(self) -> dict[str, Any]:
        """The document with the texts of the Dockerfiles that it names in place of their names; what is not there is
        told by the studio. Raises `Misuse`."""
        found = dict(self.document)
        if steps := self._text_of(found.get("extraDockerfileSteps")):
            found["extraDockerfileSteps"] = steps
        environment = _object(found.get("environment"))
        docker = _object(environment.get("docker"))
        if text := self._text_of(docker.get("baseDockerfile")):
            found["environment"] = environment | {"docker": docker | {"baseDockerfile": text}}
        return found

    def _text_of(self, given: Any) -> str:
        """The text of the file; empty where nothing is given, the text itself, or the name of no file."""
        if not isinstance(given, str) or len(given.split()) != 1:
            return ""
        place = next((one for one in self._places(given) if one.is_file()), None)
        return text_files.read(place) if place else ""

    def _places(self, given: str) -> list[Path]:
        source = str(self.document.get("sourceDirectory") or "")
        return [self.folder / given, *([self.folder / source / given] if source else []), Path(given)]

    def _place(self, given: str, setting: str) -> Path:
        """Where a path of the document leads: beside the file, in its source directory, or here."""
        for place in self._places(given):
            if place.exists():
                return place
        raise Misuse(
            f"There is no {given}, which the inference config names as {setting}.",
            hint=f"Its paths are relative to its own folder, {self.folder.resolve()}, or to the present one.",
        )


def load(
    path: Path, environment: str = "", python_version: str = "", *, source_dir: Path | None = None
) -> InferenceFile:
    """Read inferenceconfig.json or its YAML. `source_dir` takes the place of the one that it names. Raises `Misuse`."""
    document = documents.load(path)
    if source_dir:
        document["sourceDirectory"] = str(source_dir.absolute())
    return InferenceFile(document, path.parent, environment, python_version)


def load_environment(folder: Path) -> dict[str, Any]:
    """The environment that `az ml environment scaffold` has written to a folder. Raises `Misuse`."""
    return documents.load(folder / ENVIRONMENT_FILE)


def make_config(client: "Client", name: str, given: InferenceFile, description: str = "") -> "Config":
    """Create the config that the document describes, with its environment.

    Settings without effect are reported. Nothing is sent where the document is wrong.
    """
    files = given.files()
    found = client.configs.import_file(
        given.with_texts(), given.conda(), python_version=given.python_version, name=name
    )
    for warning in found["warnings"]:
        output.note(f"Warning: {warning}")
    environment = given.environment or found["environment"] or RUNTIME
    output.note(f"Environment {environment}.")
    return client.configs.create(
        name,
        given.script.entry,
        files,
        environment,
        description=description or found["description"],
        environment_variables=found["environment_variables"],
    )


def _object(value: Any) -> dict[str, Any]:
    """What is no object is told by the studio."""
    return value if isinstance(value, dict) else {}
