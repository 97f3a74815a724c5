"""The environment that a version is served in without code: of the curated set where that has what the file needs, else
one that the studio defines with the versions that the file names."""

from pathlib import PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement

from deployments.config import no_code
from deployments.config.no_code import Serving
from registry.environments import environments, requirement_files
from registry.environments.requirement_lines import read_requirement
from registry.models import CuratedEnvironment, Environment, ModelVersion
from registry.store import artifacts
from studio.accounts.models import User
from studio.core.errors import BadInput

MAX_BYTES = 256 * 1024  # of a requirements file
MLMODEL, REQUIREMENTS = "MLmodel", "requirements.txt"


def serving_of(version: ModelVersion) -> Serving:
    """How the version is served without code. `BadInput` for one that needs a script."""
    known = version.framework, version.framework_version, version.facts
    return no_code.serving_of(str(version), *known, _own_requirements(version))


def choose(version: ModelVersion) -> Environment | None:
    """The environment, saved or not yet; None: the studio's own, which needs no build. Writes nothing of a new one.

    `BadInput` for a version that needs a script.
    """
    serving = serving_of(version)
    if not serving.requirements:
        return None
    newest_first = CuratedEnvironment.objects.order_by("name", "-number")
    for row in sorted(newest_first, key=lambda row: len(row.requirements)):  # the smallest is built soonest
        if no_code.fits(serving.requirements, row.requirements):
            return environments.find(version.workspace, f"{row.name}:{row.number}")
    return environments.draft(
        workspace=version.workspace,
        name=_name(version),
        python_version=environments.curated(version.workspace).python_version,
        requirements=serving.requirements,
        description=_description(version),
    )


def ensure(version: ModelVersion, actor: User | None) -> Environment | None:
    """The same, saved."""
    chosen = choose(version)
    if chosen is None or chosen.pk is not None:
        return chosen
    return environments.define(
        workspace=version.workspace,
        actor=actor,
        name=_name(version),
        python_version=chosen.python_version,
        requirements=chosen.requirements,
        description=chosen.description,
    )


def _name(version: ModelVersion) -> str:
    return f"no-code-{version.framework}"


def _description(version: ModelVersion) -> str:
    return f"Runs {version.framework} models without code; made by the studio."


def _own_requirements(version: ModelVersion) -> list[str]:
    """What MLflow wrote beside the model, as far as it can be installed; the file is text that somebody sent."""
    if not version.facts.get("mlflow_flavors") or version.framework == "onnx":
        return []
    paths = {file.path: file for file in version.files.select_related("artifact")}
    folders = sorted((PurePosixPath(path).parent for path in paths if PurePosixPath(path).name == MLMODEL), key=str)
    file = paths.get(str(folders[0] / REQUIREMENTS)) if folders else None
    if file is None or file.artifact.size > MAX_BYTES:
        return []
    with artifacts.open_artifact(file.artifact) as opened:
        text = opened.read(MAX_BYTES).decode("utf-8", "replace")
    found = []
    for _, line in requirement_files.whole_lines(text):
        try:
            found.append(read_requirement(line))
            Requirement(found[-1])
        except (BadInput, InvalidRequirement):
            continue
    return found
