"""Azure's inferenceconfig.json, also as YAML: read into what a config is made of, and written from one.

Every setting is used, or named among the warnings as one that has no effect here.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.config import configs, json_reading
from deployments.models import InferenceConfig
from registry.environments import azure_environment, environments, provided_modules
from registry.environments.azure_environment import AZURE_IMAGE, REGISTRY, Described
from registry.environments.interpreters import own
from registry.environments.paths import CURATED_NAME
from registry.inspection import untrusted_yaml
from studio.accounts.models import User, Workspace
from studio.core import unused_settings
from studio.core.errors import BadInput, NotFound

MAX_TEXT = 256 * 1024  # characters: YAML is read slowly, while the person waits
OF_AZURE = ("azureml", "microsoft")  # how the names of Azure's own environments begin
REASONS = {
    "schemaFile": "what a script takes is read from its own decorators (inference-schema).",
    "runtime": "scripts run in plain Python.",
    "extraDockerfileSteps": "it names a file; put the steps themselves in its place.",
    "baseImage": AZURE_IMAGE,
    "baseImageRegistry": REGISTRY,
    "enableGpu": "no GPU is reserved; a script uses one that its packages find.",
    "cudaVersion": "CUDA comes with the packages of the environment.",
}
IDLE = {"runtime": ("python", "python-slim")}
USED = ("entryScript", "sourceDirectory", "description", "environment", "condaFile")
OF_IMAGES = (  # settings of the time before environments, which take their place
    "runtime",
    "condaFile",
    "extraDockerfileSteps",
    "enableGpu",
    "cudaVersion",
    "baseImage",
    "baseImageRegistry",
)


@dataclass(frozen=True)
class Imported:
    """What the file says. `environment` is what it tells of one; `warnings` name the settings without effect."""

    entry_script: str
    source_directory: str = ""
    description: str = ""
    environment: Described = field(default_factory=Described)
    warnings: list[str] = field(default_factory=list)

    @property
    def environment_variables(self) -> dict[str, str]:
        return self.environment.variables


def export(config: InferenceConfig, *, with_values: bool) -> dict[str, Any]:
    """The config in Azure's shape; the source directory is the folder the files are put into.

    `with_values`: whether the reader may see what environment variables are set to.
    """
    shape: dict[str, Any] = {"entryScript": config.entry_script, "sourceDirectory": "."}
    if config.description:
        shape["description"] = config.description
    if config.environment is not None:
        variables = configs.shown_variables(config, with_values=with_values)
        own_ones = environments.shown_variables(config.environment, with_values=with_values)
        shape["environment"] = azure_environment.export(config.environment, own_ones | variables)
    return shape


def read(given: str | Mapping[str, Any], conda: str = "", python_version: str = "") -> Imported:
    """What the file, its text or the document in it, says.

    `conda` is the text of the conda file that it names; `python_version` replaces the one that it asks for.
    Raises `BadInput` with the line of a mistake, or the setting at fault.
    """
    document = _load(given) if isinstance(given, str) else dict(given)
    script = document.get("entryScript")
    if not isinstance(script, str) or not script:
        raise _without_script(document)
    _check_one_way(document)
    image = azure_environment.read_image(document)
    found = azure_environment.read(document.get("environment"), document.get("condaFile"), conda, image)
    described = found.with_python(python_version) if python_version else found
    used = (*USED, *azure_environment.used_of_image(document))
    own_settings = {name: value for name, value in document.items() if name not in used}
    reasons = unused_settings.with_unknown(own_settings, REASONS, USED)
    return Imported(
        entry_script=script,
        source_directory=_text(document, "sourceDirectory"),
        description=_text(document, "description"),
        environment=described,
        warnings=[*unused_settings.sentences(own_settings, reasons, IDLE), *described.warnings],
    )


def _check_one_way(document: Mapping[str, Any]) -> None:
    """Raises `BadInput` where the environment is described in both of Azure's ways."""
    if not document.get("environment"):
        return
    older = [name for name in OF_IMAGES if unused_settings.asks_for_something(name, document.get(name), IDLE)]
    if older:
        verb = "describes" if len(older) == 1 else "describe"
        raise _bad(
            f"Either 'environment' or {' and '.join(repr(name) for name in older)} {verb} the environment, not both.",
            "Leave one of them out: 'environment' says the same in python.condaDependencies and docker.",
        )


def _without_script(document: Mapping[str, Any]) -> BadInput:
    close = difflib.get_close_matches("entryscript", [str(name).lower() for name in document], n=1)
    given = next((name for name in document if str(name).lower() in close and name != "entryScript"), "")
    hint = f"The file has '{given}': write it as entryScript." if given else 'Such as "entryScript": "score.py".'
    return _bad("'entryScript' is missing: it names the script among the files.", hint)


def environment_of(given: Imported, workspace: Workspace, actor: User, *, name: str = "") -> str:
    """'name:number' of the environment: defined now when the file describes one, else found by its name; empty where
    it says nothing of one. `name` is for one that the file describes without a name. The studio's own is found, though
    our exports describe it: nobody can define it.

    Raises `BadInput`, also for a Python that this machine does not have, and `NotFound`.
    """
    described = given.environment
    if described.is_definition and described.name != CURATED_NAME:
        return str(_defined(described, workspace, actor, name))
    if not described.name:
        return ""
    try:
        return str(environments.find(workspace, f"{described.name}:{described.version}"))
    except NotFound as error:
        raise _not_here(error, described.name) from error


def warnings_for(given: Imported) -> list[str]:
    """What people should know of the file: settings without effect, and packages that are not installed."""
    return [*given.warnings, *provided_modules.notices_of(given.environment.requirements)]


def _defined(described: Described, workspace: Workspace, actor: User, name: str) -> Any:
    try:
        return environments.define(
            workspace=workspace,
            actor=actor,
            name=described.name or name or described.conda_name or "imported",
            python_version=described.python_version or own().minor,
            requirements=described.requirements,
            **described.further,
        )
    except BadInput as error:
        if error.code == "python_missing":
            error.hint = (
                "Choose another one in place of the file's: the field 'Python version' on the page, python_version "
                "over REST, --python on the command line. Packages may need newer versions then."
            )
        raise


def _not_here(error: NotFound, name: str) -> NotFound:
    hint = "Define it first, or describe it in the file: python.condaDependencies with the packages."
    if name.lower().startswith(OF_AZURE):
        hint = "Azure's own environments are not here: define one with the packages that the script imports."
    return NotFound(error.message, hint=hint, field="environment")


def _load(text: str) -> dict[str, Any]:
    """The document in JSON, or in YAML, which never begins with a brace in these files."""
    if len(text) > MAX_TEXT:
        raise _bad(f"The file has more than {MAX_TEXT // 1024} KiB.")
    text = text.removeprefix("\ufeff")
    is_json = text.lstrip().startswith(("{", "["))
    document = _load_json(text) if is_json else _load_yaml(text)
    if not isinstance(document, dict):
        raise _bad("An inferenceconfig.json holds one JSON object; as YAML it is a list of keys and values.")
    return {str(name): value for name, value in document.items()}


def _load_json(text: str) -> Any:
    try:
        return json_reading.load(text)
    except json_reading.Mistake as mistake:
        raise _bad(f"This is no valid JSON: {mistake.message}.", mistake.hint, mistake.shown) from mistake


def _load_yaml(text: str) -> Any:
    try:
        return untrusted_yaml.load(text)
    except untrusted_yaml.Unreadable as reason:
        where = f" in line {reason.line}, column {reason.column}" if reason.line else ""
        raise _bad(f"This is neither JSON nor valid YAML{where}.", str(reason).splitlines()[0]) from reason


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise _bad(f"'{name}' must be a text.")
    return value or ""


def _bad(message: str, hint: str = "", evidence: str = "") -> BadInput:
    return azure_environment.bad(message, hint, evidence)
