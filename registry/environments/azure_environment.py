"""Azure's Environment object, as it stands in inferenceconfig.json, and the conda file that older ones name."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from registry.environments import conda_files, definition_text
from registry.models import Environment
from studio.core import unused_settings
from studio.core.errors import BadInput

AZURE_IMAGE = "images of Azure's registry bring conda and old systems; the studio's own base image takes their place."
REGISTRY = "how a registry is signed in to is a setting of the target."
RUN_OPTIONS = "how containers are run is decided by the target and the deployment's options."
AZURE_REGISTRY = re.compile(r"(mcr\.microsoft\.com/azureml/|[\w.-]*\.azurecr\.io/azureml/)")
_PYTHON_ONLY = "scripts run in plain Python."
REASONS = {
    "docker": RUN_OPTIONS,
    "docker.enabled": "whether an image is built depends on the target.",
    "docker.baseImage": AZURE_IMAGE,
    "docker.baseImageRegistry": REGISTRY,
    "python.userManagedDependencies": "there is no image that brings packages; list them as requirements.",
    "python.interpreterPath": "the environment has an interpreter of its own.",
    "python.baseCondaEnvironment": "an environment is made from its requirements alone.",
    "python.condaDependencies.channels": "packages come from the Python package index.",
    "inferencingStackVersion": "Slipway's own scoring server runs the script.",
    "spark": _PYTHON_ONLY,
    "databricks": _PYTHON_ONLY,
    "r": _PYTHON_ONLY,
}
IDLE: dict[str, tuple[Any, ...]] = {
    "docker.sharedVolumes": (True,),
    "docker.shmSize": ("2g",),
    "docker.platform.os": ("Linux",),
    "docker.platform.architecture": ("amd64",),
    "python.interpreterPath": ("python",),
    "inferencingStackVersion": ("latest",),
    "spark.precachePackages": (True,),
}
CHANNELS = "channels of the conda file"
USED = (
    "name",
    "version",
    "environmentVariables",
    "python.condaDependencies.name",
    "python.condaDependencies.dependencies",
    "python.condaDependenciesFile",
)


@dataclass(frozen=True)
class Described:
    """An environment by its name, or described by Python version and requirements. `conda_name` is the conda file's."""

    name: str = ""
    version: str = ""
    conda_name: str = ""
    python_version: str = ""
    requirements: list[str] = field(default_factory=list)
    further: dict[str, Any] = field(default_factory=dict)  # what else `environments.define` takes
    is_definition: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def with_python(self, version: str) -> "Described":
        """The same with another Python. Raises `BadInput` where the file only names an environment, or none."""
        if not self.is_definition:
            raise BadInput(
                "The file describes no environment whose Python version could be replaced.",
                hint="Leave the Python version out.",
                field="python_version",
            )
        return dataclasses.replace(self, python_version=version)


def read(environment: Any, conda_file: Any, conda_text: str, image: Mapping[str, Any] | None = None) -> Described:
    """What `environment` and `condaFile` say together; `conda_text` is what the named file holds, `image` what
    `read_image` found beside them.

    Raises `BadInput` where they contradict each other, or the text is missing.
    """
    given = _object(environment, "environment")
    python = _object(given.get("python"), "environment.python")
    conda = _object(python.get("condaDependencies"), "condaDependencies")
    named = conda_file or python.get("condaDependenciesFile")
    _check_sources(given, conda, conda_file, named, conda_text)
    conda_text = conda_text.removeprefix("\ufeff")
    from_file = conda_files.load(conda_text) if conda_files.is_conda(conda_text) else {}
    docker = _object(given.get("docker"), "environment.docker")
    further = dict(image or {}) | _of_docker(docker)
    is_definition = bool(conda or conda_text or further)
    found = _of_conda(conda or from_file) if conda or from_file else _of_requirements(conda_text)
    return Described(
        name=_word(given, "name"),
        version=_word(given, "version"),
        variables=_variables(given.get("environmentVariables")),
        is_definition=is_definition,
        warnings=_warnings(given, is_definition, from_file.get("channels"), docker),
        **found | {"further": {**found.get("further", {}), **further}},
    )


def read_image(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the settings of the time before environments say of the image: base_image and docker_steps.

    Raises `BadInput`.
    """
    base, steps = _word_of(document, "baseImage"), _word_of(document, "extraDockerfileSteps")
    found: dict[str, Any] = {"base_image": base} if base and not AZURE_REGISTRY.match(base) else {}
    return found | ({"docker_steps": steps} if _are_instructions(steps) else {})


def used_of_image(document: Mapping[str, Any]) -> list[str]:
    """Names of those settings that `read_image` used."""
    names = {"base_image": "baseImage", "docker_steps": "extraDockerfileSteps"}
    return [names[one] for one in read_image(document)]


def _of_docker(docker: Mapping[str, Any]) -> dict[str, Any]:
    """Base image or Dockerfile. Raises `BadInput` where both are given, or the Dockerfile is one's name."""
    base, text = _word_of(docker, "baseImage", "environment.docker."), _word_of(docker, "baseDockerfile")
    if base and text:
        raise bad(
            "Either 'docker.baseImage' or 'docker.baseDockerfile' says what the image is based on, not both.",
            "Leave one of them out: the Dockerfile names its own base image.",
        )
    if text and not _are_instructions(text):
        raise bad(
            f"'docker.baseDockerfile' names the file {text[:200]}, whose text did not come with it.",
            "Put the text of the Dockerfile in its place.",
        )
    if text:
        return {"dockerfile": text}
    return {"base_image": base} if base and not AZURE_REGISTRY.match(base) else {}


def _are_instructions(text: str) -> bool:
    """Whether it is the text of a Dockerfile, rather than the name of one."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return bool(lines) and re.match(r"\s*[A-Za-z]+\s+\S", lines[0]) is not None


def export(environment: Environment, variables: Mapping[str, str]) -> dict[str, Any]:
    """The environment in Azure's shape."""
    own = environment.conda or {}
    dependencies = [f"python={environment.python_version}", *own.get("dependencies", [])]
    conda = {
        "name": "project_environment",
        "channels": own.get("channels") or ["conda-forge"],
        "dependencies": [*dependencies, {"pip": environment.requirements}],
    }
    shape: dict[str, Any] = {"name": environment.name, "version": str(environment.number)}
    if variables:
        shape["environmentVariables"] = dict(variables)
    shape["python"] = {"userManagedDependencies": False, "condaDependencies": conda}
    docker = _docker_of(environment)
    return shape | ({"docker": docker} if docker else {})


def _docker_of(environment: Environment) -> dict[str, str]:
    """Azure knows no steps on top of a base: with some, both become a Dockerfile."""
    steps = "\n".join(environment.docker_steps)
    if environment.dockerfile or steps:
        base = environment.dockerfile or f"FROM {environment.base_image or _usual_base(environment)}"
        return {"baseDockerfile": f"{base.rstrip()}\n{steps}".rstrip() + "\n"}
    return {"baseImage": environment.base_image} if environment.base_image else {}


def _usual_base(environment: Environment) -> str:
    return str(settings.SLIPWAY["BASE_IMAGE"]).replace("{python}", environment.python_version)


def bad(message: str, hint: str = "", evidence: str = "") -> BadInput:
    return BadInput(message, hint=hint, code="bad_inference_config", field="inferenceconfig", evidence=evidence)


def _check_sources(given: Any, conda: Any, conda_file: Any, named: Any, text: str) -> None:
    if named is not None and not isinstance(named, str):
        raise bad("'condaFile' must be a text: the path of the file.")
    if conda_file and given.get("python"):
        raise bad("Either 'environment' or 'condaFile' describes the environment, not both.", "Leave one of them out.")
    if conda and (named or text):
        raise bad("The packages are given twice: as 'condaDependencies' and as a file.", "Leave one of them out.")
    if named and not text:
        raise BadInput(
            f"The file names the conda file {named[:200]}, whose text did not come with it.",
            code="conda_file_missing",
            hint="Give it too: as 'Conda file' on the page, as 'conda' over REST. The command line reads it by itself.",
            field="conda",
        )


def _of_requirements(text: str) -> dict[str, Any]:
    found = definition_text.read_text(text)
    return {"python_version": found.python_version, "requirements": found.lines}


def _of_conda(conda: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(conda.get("dependencies"), list):
        raise bad("'condaDependencies' must have a list of 'dependencies'.")
    found = conda_files.read(conda)
    written = definition_text.of_conda(found)
    return {
        "conda_name": found.name,
        "python_version": written.python_version,
        "requirements": written.lines,
        "further": written.further,
    }


def _warnings(given: Mapping[str, Any], is_definition: bool, channels: Any, docker: Mapping[str, Any]) -> list[str]:
    """Settings without effect, by the names that they have in the whole file. `channels`: those of the conda file."""
    document: dict[str, Any] = {"environment": given, CHANNELS: channels}
    reasons = {f"environment.{path}": why for path, why in REASONS.items()}
    reasons[CHANNELS] = REASONS["python.condaDependencies.channels"]
    if is_definition:
        reasons["environment.version"] = "the studio numbers the versions of environments."
    idle = {f"environment.{path}": values for path, values in IDLE.items()}
    used = [f"environment.{path}" for path in USED]
    for name in _used_of_docker(docker):
        reasons.pop(f"environment.docker.{name}", None)
        idle[f"environment.docker.{name}"] = (docker[name],)
    return unused_settings.sentences(document, unused_settings.with_unknown(document, reasons, used), idle)


def _used_of_docker(docker: Mapping[str, Any]) -> list[str]:
    names = {"base_image": "baseImage", "dockerfile": "baseDockerfile"}
    return [names[one] for one in _of_docker(docker)]


def _word_of(given: Mapping[str, Any], name: str, path: str = "") -> str:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise bad(f"'{path}{name}' must be a text.")
    return value or ""


def _object(value: Any, name: str) -> dict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise bad(f"'{name}' must be an object.")
    return {str(key): one for key, one in (value or {}).items()}


def _word(given: Mapping[str, Any], name: str) -> str:
    """A text; a number where YAML has read one."""
    value = given.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise bad(f"'environment.{name}' must be a text.")
    return str(value)


def _variables(given: Any) -> dict[str, str]:
    return {name: _value(name, value) for name, value in _object(given, "environmentVariables").items()}


def _value(name: str, value: Any) -> str:
    """As it was written, where YAML has read a number or a switch."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, (str, int, float)):
        return "" if value is None else str(value)
    raise bad(f"The environment variable {name[:100]} must be a text.")
