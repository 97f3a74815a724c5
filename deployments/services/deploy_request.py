"""What a person asks to be deployed: made and validated alike by the form, REST and, through REST, the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import F

from deployments.config import azure_deployment_config, configs, deployment_config
from deployments.config.configs import CheckedConfig
from deployments.config.options import DeploymentConfig
from deployments.config.scaling import FIGURES
from deployments.errors import BadDeploymentConfig, VersionNotReady
from deployments.models import InferenceConfig, Revision, Target
from deployments.models.config import ConfigKind
from deployments.services import debugging, default_config, names
from deployments.services.create import LOCAL
from deployments.services.source import read_source, warnings_of
from registry.models import ModelVersion, VersionState
from registry.versions.registration import find_version
from studio.accounts.models import User, Workspace, slug_rule
from studio.core.errors import BadInput, NotFound
from studio.core.jobs import JobState


@dataclass(frozen=True, kw_only=True)
class DeployRequest:
    """Checked and complete; nothing has been written for it. `resolve` makes it."""

    workspace: Workspace
    actor: User
    name: str
    versions: Sequence[ModelVersion]  # each once; none where an entry script brings all it needs
    config: InferenceConfig | None  # None: the default of the version
    source: CheckedConfig | None = None  # files that are registered nowhere: makes a development service
    changes: tuple[str, ...] = ()  # to such files, where they are a reload's
    target: Target | None  # None: this machine
    deployment_config: DeploymentConfig
    description: str | None = None  # None: a service that exists keeps its own
    reason: str = ""
    overwrite: bool = False
    label: str = ""  # a name for the revision, which requests may ask for it by
    traffic: float | None = None  # per cent that the revision gets beside the others; None: all, once it is proven
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)  # that people have chosen, by slot
    names_replicas: bool = False  # whether its options say how many replicas there are
    warnings: tuple[str, ...] = ()  # what people should know of what they asked for


def resolve(  # noqa: PLR0913 - one keyword for each field of the REST body
    *,
    workspace: Workspace,
    actor: User,
    name: str,
    models: Sequence[str],
    config: str | None = None,
    target: str | None = None,
    deployment_config: dict[str, Any] | None = None,
    description: str | None = None,
    reason: str = "",
    overwrite: bool = False,
    label: str = "",
    traffic: float | None = None,
    source: Mapping[str, Any] | None = None,
) -> DeployRequest:
    """The request behind the references `name:number`, names and options that a person gave.

    Raises `BadInput`, `BadDeploymentConfig`, `NotFound` and `VersionNotReady`, which name the field at fault.
    """
    possible = names.without_underscores(name)
    _check_name(name, possible)
    versions = _versions(workspace, models)
    chosen = configs.find(workspace, config) if config else draft_of(workspace, possible)
    brought = _source(workspace, actor, source, config)
    if chosen and chosen.kind == ConfigKind.NO_CODE:
        default_config.check_without_code(versions, chosen)
    kind = brought.kind if brought else chosen.kind if chosen else None
    if not versions:
        _check_needs_no_model(kind)
    given, keys, warnings = _read(deployment_config)
    place = _target(workspace, target)
    is_development = brought is not None or (chosen is not None and chosen.draft)
    options = debugging.checked(_options(given, versions, kind), place, is_development=is_development)
    if keys and options.credential != "key":
        raise _takes_no_keys()
    return DeployRequest(
        workspace=workspace,
        actor=actor,
        name=possible,
        versions=versions,
        config=chosen,
        source=brought,
        target=place,
        deployment_config=options,
        description=description,
        reason=reason,
        overwrite=overwrite,
        label=_label(label),
        traffic=traffic,
        keys=keys,
        names_replicas=any(given.get(one) is not None for one in FIGURES),
        warnings=(*_renamed(name, possible), *warnings, *warnings_of(brought)),
    )


def _renamed(name: str, possible: str) -> list[str]:
    if name == possible:
        return []
    return [f"The service is called {possible}: names of services have '-' where others have '_'."]


def _read(given: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """Options, chosen keys and warnings; from Azure's shape where it is one."""
    if not given or not azure_deployment_config.is_azure(given):
        return given or {}, {}, []
    keys, warnings = azure_deployment_config.keys_of(given), azure_deployment_config.warnings_for(given)
    return azure_deployment_config.read(given), keys, warnings


def _takes_no_keys() -> BadDeploymentConfig:
    return BadDeploymentConfig(
        "Keys are chosen for a service that takes none.",
        hint="Leave the keys out, or have calls need one.",
        field="keys",
    )


def _check_name(name: str, possible: str) -> None:
    try:
        slug_rule(possible)
    except ValidationError as error:
        raise BadInput(
            f"'{name}' is not a possible service name. {error.messages[0]}",
            hint=f"For example: {names.suggest_name(name)}.",
            field="name",
        ) from error


def _label(label: str) -> str:
    try:
        if label:
            slug_rule(label)
    except ValidationError as error:
        raise BadInput(
            f"'{label}' is not a possible label. {error.messages[0]}", hint="For example: blue.", field="label"
        ) from error
    if label.isdecimal():
        raise BadInput(
            f"'{label}' is not a possible label: requests would mean the revision of that number.",
            hint="For example: blue.",
            field="label",
        )
    return label


def _versions(workspace: Workspace, references: Sequence[str]) -> list[ModelVersion]:
    versions = {version.pk: version for version in (_version(workspace, reference) for reference in references)}
    for version in versions.values():
        _check_ready(version)
    return list(versions.values())


def draft_of(workspace: Workspace, name: str) -> InferenceConfig | None:
    """What the development service of that name runs, and goes on with where nothing else is named."""
    rows = Revision.objects.filter(service__workspace=workspace, service__name=name, service__development=True)
    wanted = rows.filter(number=F("service__wanted_revision")).select_related("config__environment").first()
    return wanted.config if wanted else None


def _source(
    workspace: Workspace, actor: User, given: Mapping[str, Any] | None, config: str | None
) -> CheckedConfig | None:
    if given is None:
        return None
    if config:
        raise BadInput(
            "The script is given twice: as an inference config and as files.", hint="Leave one out.", field="source"
        )
    return read_source(workspace, actor, given)


def _check_needs_no_model(kind: str | None) -> None:
    if kind != ConfigKind.ENTRY_SCRIPT:
        raise BadInput(
            "A service without an entry script needs a model version.",
            hint="Choose one, for example iris:1; or an inference config whose script brings all it needs.",
            field="models",
        )


def _version(workspace: Workspace, reference: str) -> ModelVersion:
    try:
        return find_version(workspace, reference)
    except NotFound as error:
        error.field = "models"
        raise


def _check_ready(version: ModelVersion) -> None:
    if version.state == VersionState.UPLOADED:
        raise VersionNotReady(
            f"{version} cannot be deployed yet: it {_inspection_of(version)}.",
            hint="Deploy it once it is ready; its page and GET versions/name:number tell when that is.",
            field="models",
        )
    why = version.rejection or {}
    if version.state == VersionState.REJECTED:
        raise VersionNotReady(
            f"{version} was rejected: {why.get('message', '')}",
            hint="Register a corrected version and deploy that one.",
            field="models",
        )
    if version.state == VersionState.DAMAGED:
        raise VersionNotReady(
            f"{version} is damaged. {why.get('message', '')}", hint=why.get("hint", ""), field="models"
        )


def _inspection_of(version: ModelVersion) -> str:
    job = version.inspections.order_by("pk").last()
    ahead = job.ahead() if job and job.state == JobState.QUEUED else 0
    return f"waits to be inspected, with {ahead} before it" if ahead else "is being inspected"


def _target(workspace: Workspace, name: str | None) -> Target | None:
    """Every workspace has `local`, though its row is written only when a service is deployed to it."""
    target = Target.objects.in_workspace(workspace).filter(name=name).first() if name else None
    if target is None and name and name != LOCAL:
        raise NotFound(f"There is no target '{name}' in {workspace}.", field="target")
    return target


def _options(given: dict[str, Any], versions: Sequence[ModelVersion], kind: str | None) -> DeploymentConfig:
    automatic = kind is None
    kind = kind or default_config.kind_for(versions)
    options = deployment_config.complete(given, versions)
    if options.grpc and automatic and any(version.framework != "onnx" for version in versions):
        raise BadDeploymentConfig(
            "The environment that the studio makes for this model has no gRPC.",
            hint="Leave gRPC off, or make an inference config of the kind no code with an environment of your own that "
            "has grpcio and protobuf beside the model's library.",
            field="grpc",
        )
    if options.grpc and kind == ConfigKind.ENTRY_SCRIPT:
        raise BadDeploymentConfig(
            "gRPC is for models that are served without code; this service runs an entry script.",
            hint="Leave gRPC off, or deploy an ONNX model without an inference config.",
            field="grpc",
        )
    return options
