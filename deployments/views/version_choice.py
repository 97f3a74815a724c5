"""What the deploy form offers: versions to choose from, and the config that is taken when none is chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from django.conf import settings
from django.db.models import Q

from deployments.config import default_environments
from deployments.views.form_defaults import needs_script
from registry.conversion.requirements import LIBRARIES
from registry.inspection import signature
from registry.models import Environment, ModelVersion, VersionState
from registry.versions import samples
from studio.accounts.models import Workspace
from studio.core.errors import BadInput

NEWEST = 100  # versions of the workspace that are offered
SHOWN_INPUTS = 4  # of a model that has one for each column
SAME_MODEL = 25  # further ones of a model that is chosen
Group = tuple[str, list[tuple[str, str]]]


def offered(workspace: Workspace, chosen: Sequence[ModelVersion]) -> list[Group]:
    """Ready versions by model, those of the chosen models first, each with its framework."""
    ready = ModelVersion.objects.in_workspace(workspace).filter(state=VersionState.READY).order_by("-id")
    same = ready.filter(model__in={version.model_id for version in chosen})[:SAME_MODEL] if chosen else []
    groups: dict[str, dict[str, str]] = {}
    for version in (*chosen, *same, *ready[:NEWEST]):
        groups.setdefault(version.name, {})[str(version)] = label_of(version)
    return [(name, list(versions.items())) for name, versions in groups.items()]


def label_of(version: ModelVersion) -> str:
    """'grapes:1 – scikit-learn 1.7.2'."""
    return f"{version} – {version.framework} {version.framework_version}".strip()


def find_all(workspace: Workspace, references: Sequence[str]) -> list[ModelVersion]:
    """The versions behind those references 'name:number' that exist."""
    wanted = Q()
    for reference in references:
        name, _, number = reference.rpartition(":")
        if number.isdecimal() and len(number) < 10 and "\0" not in name:
            wanted |= Q(name=name, number=int(number))
    rows = ModelVersion.objects.in_workspace(workspace).select_related("model", "workspace")
    return list(rows.filter(wanted).order_by("id")) if wanted else []


@dataclass(frozen=True)
class Automatic:
    """What happens where no config is chosen: `label` says it; not `possible`: one must be chosen, for `reason`."""

    label: str
    reason: str = ""
    script_for: ModelVersion | None = None  # a version that nobody has written a script for yet
    environment: Environment | None = None  # what runs it without code, beside the studio's own; perhaps not saved yet
    takes: Sequence[dict[str, str]] = ()  # its inputs in words, where they are known
    version: ModelVersion | None = None  # that runs in `environment`
    converts: bool = False  # whether ONNX can be made of it

    @property
    def possible(self) -> bool:
        return not self.reason

    @property
    def offline(self) -> bool:
        """Whether the studio asks no package index."""
        return bool(settings.SLIPWAY["OFFLINE"])


WITHOUT_MODEL = Automatic("Choose one", "Without a model version, a script must bring its model along.")


def automatic_config(versions: Sequence[ModelVersion]) -> Automatic:
    """What a deployment of these versions runs with when it names no config."""
    if not versions:
        return Automatic("Automatic")
    if len(versions) > 1:
        return Automatic("Choose one", "Several models in one service need a script that says what to do with them.")
    (version,) = versions
    entry = samples.entry_of(version) or {}
    if "entry_script" in entry:
        return Automatic(f"Automatic: the sample's script {PurePosixPath(entry['entry_script']).name}")
    try:
        serving, environment = default_environments.serving_of(version), default_environments.choose(version)
    except BadInput as refused:
        return Automatic("Choose one", refused.message, version if needs_script(version) else None)
    inputs = signature.describe(version.signature)["inputs"]
    takes = inputs if len(inputs) <= SHOWN_INPUTS else []
    label = f"Automatic: no code, {serving.runtime}"
    converts = version.framework in LIBRARIES
    return Automatic(label, environment=environment, takes=takes, version=version, converts=converts)
